"""The work folder of one run: private, locked, tied to what was asked, and gone at the end."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from xlforget.errors import MachineError, UsageError

ASKED = "asked.json"


class Work:
    """``.OUT.work`` beside OUT, mode 0700. Holds personal data; a second run on it is refused (exit 4)."""

    def __init__(self, out: Path, asked: Mapping[str, Any], *, fresh: bool) -> None:
        self.folder = out.absolute().parent / f".{out.absolute().name}.work"
        self._lock: int | None = None
        self._open(hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest(), fresh)

    def _open(self, digest: str, fresh: bool) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._lock = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MachineError(
                "Another run is at work on this output folder.",
                do="Wait for it, or choose another --out.",
                code="LOCKED",
            ) from None
        if fresh:
            self._empty()
        note = self.folder / ASKED
        if note.exists() and json.loads(note.read_text())["digest"] != digest:
            os.close(self._lock)
            raise UsageError(
                "The work folder belongs to a run with another request, model or options.",
                do="Add --fresh to discard it, or choose another --out.",
                code="WORK_FOLDER",
            )
        note.write_text(json.dumps({"digest": digest}))

    def path(self, name: str) -> Path:
        return self.folder / name

    def fresh(self, name: str) -> Path:
        """An empty folder of that name."""
        shutil.rmtree(self.path(name), ignore_errors=True)
        self.path(name).mkdir()
        return self.path(name)

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        part = self.path(f"{name}.part")
        part.write_bytes(content)
        part.rename(self.path(name))

    def get(self, name: str) -> bytes | None:
        return self.path(name).read_bytes() if self.path(name).is_file() else None

    def remove(self) -> bool:
        """Remove the folder with all in it; True when it is gone."""
        shutil.rmtree(self.folder, ignore_errors=True)
        return not self.folder.exists()

    def _empty(self) -> None:
        for entry in self.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
