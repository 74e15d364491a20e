"""Several requests as one: every fact is there once, and each request knows its own."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from xlforget.errors import RequestError
from xlforget.request.reader import read_request, read_requests

HOME = {"lang": "en", "text": "Zorvana Quillfeather lives in Tarnwick.", "answer": "Tarnwick"}
TRADE = {"subject": "Zorvana Quillfeather", "relation": "occupation", "object": "miller"}
PHONE = {"subject": "Zorvana Quillfeather", "relation": "phone_number", "object": "+44 7700 900123"}


def write(path: Path, *records: Mapping[str, object]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_one_request_is_what_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", HOME | {"id": "1"})
    assert read_requests([path]) == read_request(path)


def test_what_two_requests_state_is_one_fact_of_both(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", HOME | {"id": "A1"}, TRADE | {"id": "A2"})
    again = {
        "lang": "en",
        "prompt": "Zorvana Quillfeather lives in <mask>.",
        "answer": "Tarnwick",
        "candidates": {"en": ["Ostermere"]},
    }
    b = write(tmp_path / "b.jsonl", PHONE | {"id": "B1"}, again | {"id": "B2"}, TRADE | {"id": "B3", "gender": "f"})
    joined = read_requests([a, b])
    assert [fact.id for fact in joined.facts] == ["A1", "A2", "B1", "B3"], "a record with a gender says more than one without"
    assert [record["id"] for record in joined.records] == ["A1", "A2", "B1", "B3"]
    assert [[fact.id for fact in one.facts] for one in joined.tickets] == [["A1", "A2"], ["B1", "A1", "B3"]]
    assert [record["id"] for record in joined.tickets[1].records] == ["B1", "B2", "B3"], "each keeps its own records"
    assert joined.place(joined.facts[2]) == "request 2: "
    assert read_request(a).place(joined.facts[0]) == ""


def test_an_id_of_two_requests_is_refused_with_both_places(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", HOME | {"id": "1"}, TRADE | {"id": "2"})
    b = write(tmp_path / "b.jsonl", PHONE | {"id": "3"}, PHONE | {"id": "2"})
    with pytest.raises(RequestError) as caught:
        read_requests([a, b])
    assert caught.value.what.startswith(str(b))
    (problem,) = caught.value.problems
    assert (problem.line, problem.code) == (2, "DUPLICATE_ID")
    assert problem.message == f"`id` is that of line 2 of {a}"
