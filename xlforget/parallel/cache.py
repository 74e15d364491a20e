"""Translations that were made already, so that a run that goes on does not ask for them again.

They are personal data: the file belongs into the work folder, which is private and removed at the end, and nowhere else.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from xlforget.parallel.pair import TranslatorInfo
from xlforget.parallel.translators.engine import Translation

Key = str


class Cache:
    """By backend, model, revision, languages and the text's hash. ``path`` None: for this run only."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: dict[Key, Translation] = {}
        if path and path.is_file():
            # A run that was killed may have left half a line; what comes after it is whole again.
            for line in path.read_text("utf-8").splitlines():
                self._known.update(_read(line))

    def get(self, key: Key) -> Translation | None:
        return self._known.get(key)

    def put(self, made: Iterable[tuple[Key, Translation]]) -> None:
        """Remember translations, on disk too where there is a file."""
        new = dict(made)
        self._known |= new
        if self._path:
            lines = "".join(f"{json.dumps([key, one.text, one.ended, one.score, one.unknown])}\n" for key, one in new.items())
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:
                file.write(f"\n{lines}")


def key(info: TranslatorInfo, text: str, source: str, target: str, *, marked: bool) -> Key:
    """SHA-256 in hex of all that decides what comes back."""
    parts: Sequence[object] = (info.name, info.model, info.version, source, target, marked, text)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _read(line: str) -> dict[Key, Translation]:
    try:
        name, text, ended, score, unknown = json.loads(line)
    except ValueError:
        return {}
    return {name: Translation(text, ended, score, unknown)}
