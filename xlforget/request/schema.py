"""The JSON Schema of a request's records, made from the models.

``python -m xlforget.request.schema`` writes the file anew.
"""

import json
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core.core_schema import NullableSchema, WithDefaultSchema

from xlforget.request.records import FORMS

FILE = "schema.json"


class _Generator(GenerateJsonSchema):
    """None stands for a key that is left out; null itself is refused, so it is neither a type nor a default to show."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        shown = super().default_schema(schema)
        return {key: value for key, value in shown.items() if (key, value) != ("default", None)}


def generate() -> dict[str, Any]:
    """The schema of one record: one of the six forms."""
    forms = list(FORMS.values())
    places, schema = models_json_schema(
        [(form, "validation") for form in forms],
        title="Record of an erasure request",
        schema_generator=_Generator,
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "oneOf": [places[form, "validation"] for form in forms],
    }


def text() -> str:
    """The schema as it stands in the file."""
    return json.dumps(generate(), indent=2, ensure_ascii=False) + "\n"


def shipped() -> str:
    """The schema that came with the package."""
    return (resources.files(__package__) / FILE).read_text("utf-8")


if __name__ == "__main__":
    Path(__file__).with_name(FILE).write_text(text(), encoding="utf-8")
