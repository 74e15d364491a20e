"""Commitments: the report holds a Merkle root, and a requester who is given an opening can prove that a fact was asked for.

Each record gets a random 32-byte key of its own; its commitment is HMAC-SHA256(key, domain, request, index, record), and
the commitments are the leaves of a tree as in RFC 9162, 2.1. Without its key a record cannot be guessed from anything in
the report; one opening tells nothing about the other records. A record is its JSON object, NFC, with sorted keys.
"""

import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from xlforget.artifact import strict_json
from xlforget.errors import IntegrityError, UsageError

Scheme = Literal["hmac-sha256+rfc9162/v1"]
SCHEME: Scheme = "hmac-sha256+rfc9162/v1"
DOMAIN = b"xlforget/fact-commitment/v1"
KEY_BYTES = 32
MAX_FILE = 64 << 20

Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Opaque = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Commitment(BaseModel):
    """What the report holds. ``request``: a random id of this commitment; ``root``: SHA-256 Merkle root over ``count``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: Scheme = SCHEME
    request: Opaque
    count: Annotated[int, Field(ge=1)]
    root: Hex32


class Opening(BaseModel):
    """What shows that one record is under the root. ``id`` is the record's own, to hand the right line to the right person."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    scheme: Scheme = SCHEME
    id: str = Field(repr=False)
    request: Opaque
    index: Annotated[int, Field(ge=0)]
    count: Annotated[int, Field(ge=1, le=1 << 32)]
    key: Hex32 = Field(repr=False)
    path: Annotated[tuple[Hex32, ...], Field(max_length=64)]


def canonical_record(record: Any) -> bytes:
    """One spelling of a record: NFC, sorted keys, no spaces, UTF-8."""
    return strict_json.canonical(_nfc(record))


def _nfc(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {_nfc(key): _nfc(inner) for key, inner in value.items()}
    return [_nfc(inner) for inner in value] if isinstance(value, list) else value


def commit(records: Sequence[tuple[str, bytes]]) -> tuple[Commitment, tuple[Opening, ...]]:
    """Commit to ``records`` (id and canonical bytes). The keys are in the openings and nowhere else."""
    request = secrets.token_hex(16)
    keys = [secrets.token_bytes(KEY_BYTES) for _ in records]
    leaves = [_leaf(key, request, index, record) for index, (key, (_, record)) in enumerate(zip(keys, records, strict=True))]
    openings = tuple(
        Opening(
            id=name,
            request=request,
            index=index,
            count=len(records),
            key=keys[index].hex(),
            path=tuple(step.hex() for step in path_to(index, leaves)),
        )
        for index, (name, _) in enumerate(records)
    )
    return Commitment(request=request, count=len(records), root=root_of(leaves).hex()), openings


def opens(commitment: Commitment, opening: Opening, record: bytes) -> bool:
    """Whether ``opening`` shows that ``record`` is one of those committed to."""
    if (opening.request, opening.count) != (commitment.request, commitment.count):
        return False
    leaf = _leaf(bytes.fromhex(opening.key), opening.request, opening.index, record)
    root = root_from(opening.index, opening.count, leaf, [bytes.fromhex(step) for step in opening.path])
    return root is not None and hmac.compare_digest(root.hex(), commitment.root)


def _leaf(key: bytes, request: str, index: int, record: bytes) -> bytes:
    parts = (DOMAIN, request.encode(), index.to_bytes(8, "big"), record)
    return hmac.digest(key, b"".join(len(part).to_bytes(8, "big") + part for part in parts), "sha256")


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def root_of(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1."""
    if len(leaves) < 2:
        return _hash(b"\0", leaves[0]) if leaves else _hash()
    cut = _split(len(leaves))
    return _hash(b"\1", root_of(leaves[:cut]), root_of(leaves[cut:]))


def path_to(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    cut = _split(len(leaves))
    if index < cut:
        return [*path_to(index, leaves[:cut]), root_of(leaves[cut:])]
    return [*path_to(index - cut, leaves[cut:]), root_of(leaves[:cut])]


def root_from(index: int, count: int, leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and its path give (RFC 9162, 2.1.3.2); None where the path does not fit the place."""
    place, last, root = index, count - 1, _hash(b"\0", leaf)
    if place > last:
        return None
    for step in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            root = _hash(b"\1", step, root)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            root = _hash(b"\1", root, step)
        place, last = place >> 1, last >> 1
    return root if last == 0 else None


def to_lines(openings: Sequence[Opening]) -> bytes:
    """JSON Lines: each line is one opening, to be handed over alone."""
    return "".join(json.dumps(opening.model_dump(mode="json"), ensure_ascii=False) + "\n" for opening in openings).encode()


def read_openings(path: Path) -> tuple[Opening, ...]:
    """The openings of a file. Raises UsageError OPENING_MISSING, IntegrityError OPENING with the line's number."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path.name}", code="OPENING_MISSING") from error
    if len(content) > MAX_FILE:
        raise IntegrityError("OPENING", f"{path.name}: larger than {MAX_FILE >> 20} MiB", files=[path.name])
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip()]
    return tuple(_opening(line, f"{path.name}, line {number}", path.name) for number, line in lines)


def _opening(line: bytes, where: str, name: str) -> Opening:
    try:
        return Opening.model_validate_json(json.dumps(strict_json.parse(line, name)))
    except (ValidationError, IntegrityError):
        raise IntegrityError("OPENING", f"{where}: not an opening", files=[name]) from None
