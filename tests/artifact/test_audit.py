"""The audit: one JSON, described by its schema, true to its verdict, without anybody's path or name."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from xlforget.artifact import audit_file, provenance, strict_json
from xlforget.errors import IntegrityError, UsageError

FILES = {"model.safetensors": "ab" * 32}
Make = Any


def test_the_shipped_schema_is_current() -> None:
    assert audit_file.shipped_schema() == strict_json.pretty(audit_file.json_schema()), (
        "run: python -m xlforget.artifact.audit_file > xlforget/artifact/audit.schema.json"
    )


def test_an_audit_satisfies_its_published_schema(audit_of: Make) -> None:
    schema = json.loads(audit_file.shipped_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(audit_file.to_json(audit_of(FILES, FILES)))
    jsonschema.Draft202012Validator(schema).validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(document | {"note": "x"})


def test_an_audit_reads_back_as_it_was(audit_of: Make) -> None:
    made = audit_of(FILES, FILES)
    document = json.loads(audit_file.to_json(made))
    assert audit_file.from_document(document) == made
    assert document["createdAt"] == "2026-03-04T09:12:31Z"
    assert document["method"]["seed"] == 12345678901234567
    assert document["method"]["parameters"] == {"learning_rate": 1e-3, "batch": 32, "sampling": True, "huber": 1.0}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("result",), "failed"),
        (("result",), "nothing memorised"),
        (("base", "name"), "/home/zorvana/model"),
        (("base", "files"), {"../x": "ab" * 32}),
        (("environment", "device"), "C:\\Users"),
        (("ticket",), "zorvana@example.org"),
        (("facts",), [{"id": "DSR-7-1", "languages": {}}]),
        (("parallelSet", "digest"), "short"),
        (("schemaVersion",), "3"),
        (("unknown",), 1),
    ],
)
def test_what_does_not_belong_is_refused_without_quoting_it(audit_of: Make, place: tuple[str, ...], value: object) -> None:
    document = json.loads(audit_file.to_json(audit_of(FILES, FILES)))
    holder = document
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    with pytest.raises(IntegrityError) as caught:
        audit_file.from_document(document)
    assert caught.value.code == "AUDIT_SCHEMA"
    assert "zorvana" not in str(caught.value).lower()


def test_a_profile_that_is_none_is_no_request_of_the_user_but_a_broken_report(audit_of: Make) -> None:
    document = json.loads(audit_file.to_json(audit_of(FILES, FILES)))
    document["verdict"]["profile"] = "harsh"
    with pytest.raises(IntegrityError) as caught:
        audit_file.from_document(document)
    assert (caught.value.code, caught.value.exit_code) == ("PROFILE", 3)


def test_a_failed_audit_never_names_output_weights(audit_of: Make) -> None:
    assert audit_of(FILES, None, leak="fr").result == "failed"
    with pytest.raises(ValidationError):
        audit_of(FILES, FILES, leak="fr")
    with pytest.raises(ValidationError):
        audit_of(FILES, None)


def test_two_facts_never_share_an_id(audit_of: Make) -> None:
    document = json.loads(audit_file.to_json(audit_of(FILES, FILES)))
    document["facts"][1]["id"] = document["facts"][0]["id"]
    with pytest.raises(IntegrityError):
        audit_file.from_document(document)


def test_a_ticket_is_an_opaque_reference() -> None:
    assert audit_file.check_ticket("DSR-2026/42#1") == "DSR-2026/42#1"
    for ticket in ("", "a b", "zorvana@example.org", "x" * 129):
        with pytest.raises(UsageError):
            audit_file.check_ticket(ticket)


def test_ids_tell_nothing() -> None:
    ids = provenance.opaque_ids(50)
    assert len(set(ids)) == 50
    assert list(ids) == sorted(ids)
    assert not set(ids) & set(provenance.opaque_ids(50))


def test_the_digest_needs_its_whole_salt() -> None:
    salt = provenance.new_salt()
    assert provenance.keyed_digest(salt, b"x") != provenance.keyed_digest(provenance.new_salt(), b"x")
    with pytest.raises(ValueError, match="32 bytes"):
        provenance.keyed_digest(salt[:-1], b"x")


def test_the_licence_is_read_from_the_models_own_card(tmp_path: Path) -> None:
    assert provenance.stated_licence(tmp_path) is None
    (tmp_path / "README.md").write_text("---\nlanguage: en\nlicense: bigscience-bloom-rail-1.0\n---\n# card\nlicense: no")
    assert provenance.stated_licence(tmp_path) == "bigscience-bloom-rail-1.0"
    (tmp_path / "README.md").write_text("# card\nlicense: no")
    assert provenance.stated_licence(tmp_path) is None
