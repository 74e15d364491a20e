"""The JSON Schema that is shipped is the models', and says of a record what the reader says."""

import json
from typing import Any

import jsonschema
import pytest

from xlforget.request import schema
from xlforget.request.faults import Faults
from xlforget.request.records import to_fact

VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema.shipped()))


def test_the_shipped_schema_is_current() -> None:
    """Fails after a change of the models: run ``python -m xlforget.request.schema``."""
    assert schema.shipped() == schema.text()


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.generate())


@pytest.mark.parametrize(
    ("record", "valid"),
    [
        ({"id": "a", "lang": "en", "text": "in Tarnwick", "answer": "Tarnwick"}, True),
        ({"id": "a", "lang": "en", "text": "in Tarnwick", "span": [3, 11]}, True),
        ({"id": "a", "lang": "en", "prompt": "in <mask>", "answer": "Tarnwick"}, True),
        ({"id": "a", "lang": "en", "text": "in Tarnwick", "candidates": {"en": ["Oldmere"]}}, True),
        ({"id": "a", "subject": "Zorvana", "relation": "spouse", "object": {"en": "Quil"}, "gender": "f"}, True),
        ({"id": "a", "texts": {"en": "in Tarnwick"}}, True),
        ({"id": "a", "prompts": {"en": "in <mask>"}, "answers": {"en": "Tarnwick"}}, True),
        ({"id": "a", "lang": "en", "text": "in Tarnwick", "anser": "Tarnwick"}, False),
        ({"id": "a", "lang": "en", "text": "in Tarnwick", "answer": None}, False),
        ({"id": "a", "lang": "en", "text": " "}, False),
        ({"id": "a", "lang": "en", "text": "in Tarnwick", "span": [3]}, False),
        ({"id": "a", "lang": "en", "text": "in Tarnwick", "span": ["3", 4]}, False),
        ({"lang": "en", "text": "in Tarnwick"}, False),
        ({"id": "a", "texts": {}}, False),
        ({"id": "a", "subject": 3, "relation": "spouse", "object": "b"}, False),
        ({"id": "a", "subject": "b", "relation": "spouse", "object": "b", "gender": "x"}, False),
        ({"id": "a", "lang": "en", "prompt": "<mask>", "text": "a", "answer": "b"}, False),
    ],
)
def test_schema_and_reader_agree(record: dict[str, Any], valid: bool) -> None:
    assert VALIDATOR.is_valid(record) is valid
    if valid:
        to_fact(record, 1)
    else:
        with pytest.raises(Faults):
            to_fact(record, 1)
