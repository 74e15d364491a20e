"""JSON that two readers cannot read in two ways: no duplicate keys, no NaN, one spelling on disk."""

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from xlforget.errors import IntegrityError

MAX_DEPTH = 64
# Half a character, which JSON can escape and UTF-8 cannot write.
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
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

    def finite(text: str) -> float:
        number = float(text)
        return number if math.isfinite(number) else refuse("BAD_JSON", "a number that is too large")

    try:
        document = json.loads(
            content.decode(),  # bytes alone would let UTF-16 pass
            object_pairs_hook=once,
            parse_constant=lambda constant: refuse("BAD_JSON", f"{constant} is not JSON"),
            parse_float=finite,
        )
        if SURROGATE.search(content):
            canonical(document)
    except (ValueError, RecursionError):
        refuse("BAD_JSON", "not a JSON document")
    if _is_deeper(document, MAX_DEPTH):
        refuse("BAD_JSON", f"nested more than {MAX_DEPTH} deep")
    return document


def _is_deeper(document: Any, depth: int) -> bool:
    """Level by level: whoever walks a document after this may recurse."""
    level = [document]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return any(isinstance(value, dict | list) for value in level)


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
