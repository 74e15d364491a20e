"""JSON that two readers cannot read in two ways: no duplicate keys, no NaN, one spelling on disk."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from xlforget.errors import IntegrityError

# Larger than any tokenizer; a document beyond it is not one that a model folder needs.
MAX_BYTES = 256 << 20


def parse(content: bytes, name: str) -> Any:
    """The document in ``content``. Raises IntegrityError DUP_KEY or BAD_JSON naming the file, never quoting it."""

    def refuse(code: str, what: str) -> NoReturn:
        raise IntegrityError(code, f"{name}: {what}", files=[name])

    def once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for key, value in pairs:
            if key in read:
                refuse("DUP_KEY", "a key stands twice in one JSON object")
            read[key] = value
        return read

    try:
        return json.loads(
            content,
            object_pairs_hook=once,
            parse_constant=lambda constant: refuse("BAD_JSON", f"{constant} is not JSON"),
        )
    except (ValueError, RecursionError):
        refuse("BAD_JSON", "not a JSON document")


def read(path: Path, name: str, limit: int = MAX_BYTES) -> Any:
    """Parse a file of at most ``limit`` bytes; ``name`` is what errors call it."""
    if path.stat().st_size > limit:
        raise IntegrityError("BAD_JSON", f"{name}: larger than {limit} bytes", files=[name])
    return parse(path.read_bytes(), name)


def canonical(document: Any) -> bytes:
    """One spelling for one document: sorted keys, no spaces, UTF-8. Integers of any size stay integers."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def pretty(document: Any) -> bytes:
    """The same for people: two spaces of indent, keys in the order given, a newline at the end."""
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
