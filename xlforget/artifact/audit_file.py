"""The audit on disk: JSON, its schema, and what is refused when it is read.

``audit.schema.json`` is generated from the models: ``python -m xlforget.artifact.audit_file > .../audit.schema.json``.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from xlforget.artifact import strict_json
from xlforget.artifact.audit import TICKET_FORM, Audit
from xlforget.errors import IntegrityError, UsageError
from xlforget.measure.profiles import PROFILES

AUDIT_FILE = "audit.json"
SCHEMA_FILE = "audit.schema.json"
SCHEMA_ID = "urn:xlforget:schema:audit:2"
SCHEMA_VERSIONS = ("1", "2")


def to_document(audit: Audit) -> dict[str, Any]:
    """The JSON document: what is signed and what ``audit.json`` holds."""
    return audit.model_dump(mode="json", by_alias=True)


def to_json(audit: Audit) -> bytes:
    """The bytes of ``audit.json``: read back once, so that nothing is written that could not be verified."""
    content = strict_json.pretty(to_document(audit))
    if read_audit(content) != audit:
        raise ValueError("the audit does not survive its own JSON")
    return content


def read_audit(content: bytes, name: str = AUDIT_FILE) -> Audit:
    """An audit from the bytes of its file. Raises IntegrityError DUP_KEY, BAD_JSON, AUDIT_SCHEMA or PROFILE."""
    document = strict_json.parse(content, name)
    if not isinstance(document, dict):
        raise IntegrityError("AUDIT_SCHEMA", f"{name}: not an audit", files=[name])
    return from_document(document, name)


def read_any(path: Path) -> Audit:
    """The audit in ``audit.json`` or in a signed ``audit.dsse.json``, whose signature is not checked here."""
    try:
        document = strict_json.read(path, path.name)
    except OSError as error:
        raise UsageError(f"cannot read {path.name}", code="AUDIT_MISSING") from error
    try:
        if "payload" in document:
            document = strict_json.parse(base64.b64decode(document["payload"], validate=True), path.name)["predicate"]
        return from_document(document, path.name)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError("AUDIT_SCHEMA", f"{path.name}: not an audit", files=[path.name]) from error


def from_document(document: Mapping[str, Any], name: str = AUDIT_FILE) -> Audit:
    """Read an audit; IntegrityError AUDIT_SCHEMA names the places that are wrong, not their values.

    IntegrityError PROFILE: nothing here can tell which attacks a profile has that it does not know.
    """
    if document.get("schemaVersion") not in SCHEMA_VERSIONS:
        raise IntegrityError(
            "AUDIT_SCHEMA",
            f"{name}: an audit of another schema version than {' or '.join(SCHEMA_VERSIONS)}",
            files=[name],
            do="Verify it with the version of xlforget that wrote it.",
        )
    try:
        audit = Audit.model_validate_json(json.dumps(document), by_alias=True, by_name=False)
    except ValidationError as error:
        places = sorted({".".join(map(str, problem["loc"])) or "audit" for problem in error.errors()})
        raise IntegrityError("AUDIT_SCHEMA", f"{name}: not an audit at {', '.join(places[:5])}", files=[name]) from None
    if audit.verdict.profile not in PROFILES:
        raise IntegrityError(
            "PROFILE",
            f"{name}: tested by a profile that this version of xlforget does not know",
            files=[name],
            do="Verify it with the version of xlforget that wrote it.",
        )
    return audit


def check_ticket(ticket: str) -> str:
    """The ticket, where it is an opaque reference that may stand in a report; UsageError TICKET_FORM otherwise."""
    if not re.fullmatch(TICKET_FORM, ticket):
        raise UsageError(
            "the ticket may hold letters, digits and . _ : / # - only, 128 at most",
            do="Give the ticket's number; names and addresses do not belong in a report.",
            code="TICKET_FORM",
        )
    return ticket


def check_tickets(tickets: Sequence[str], requests: int) -> tuple[str, ...]:
    """The tickets, each as `check_ticket` wants it: one for each of several requests, one or none for a single one.

    UsageError TICKET_COUNT otherwise, TICKET_TWICE for two requests of one ticket.
    """
    checked = tuple(map(check_ticket, tickets))
    if len(checked) != requests and (checked or requests > 1):
        raise UsageError(
            f"{requests} request{'s' if requests > 1 else ''} and {len(checked)} ticket{'s' if len(checked) != 1 else ''}",
            do="Give --ticket once for each request, in their order.",
            code="TICKET_COUNT",
        )
    if len(set(checked)) != len(checked):
        raise UsageError(
            "two requests of one ticket", do="Put its facts in one file, or give each request its ticket.", code="TICKET_TWICE"
        )
    return checked


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the audit, as shipped."""
    schema = Audit.model_json_schema(by_alias=True, mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return {**head, **schema}


def shipped_schema() -> bytes:
    """The schema file of the package."""
    return resources.files("xlforget.artifact").joinpath(SCHEMA_FILE).read_bytes()


if __name__ == "__main__":
    import sys

    sys.stdout.buffer.write(strict_json.pretty(json_schema()))
