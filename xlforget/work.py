"""The work folder of one run: private, locked, tied to what was asked, and gone at the end."""

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from xlforget.artifact.private import not_writable
from xlforget.errors import MachineError, UsageError

NOTE = "asked.json"
TEMPORARY = "tmp"
PLANNED = {NOTE, TEMPORARY, "parallel.jsonl", "translations.jsonl"}
CACHES = ("TMPDIR", "HF_DATASETS_CACHE")


class Work:
    """``.OUT.work`` beside OUT, mode 0700. Holds personal data; a second run on it is refused (exit 4).

    Its note says which question the run answers (`tie`), and which outputs are the run's own (`claim`): a run that was
    killed between an output and its end finds them again and does not take them for somebody else's. As long as it is
    open, temporary files and the cache of ``datasets`` lie in it too.
    """

    def __init__(self, out: Path) -> None:
        self.folder = folder_of(out)
        self._lock = _locked(self.folder)
        self._digest = ""
        self._claims: dict[str, str] = {}
        self._files = contextlib.ExitStack()

    def tie(self, asked: Mapping[str, Any], *, fresh: bool) -> None:
        """Take the folder for this question. Raises UsageError where it belongs to another and not ``fresh``."""
        self._digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        note = _read_note(self.folder)
        if note and note["digest"] != self._digest and not fresh:
            self._digest = ""
            raise UsageError(
                "The work folder belongs to a run with another request, model or options.",
                do="Add --fresh to discard it, or choose another --out.",
                code="WORK_FOLDER",
            )
        if note and not fresh:
            self._claims = note["claims"]
        else:
            # Without a note nobody knows whose files these are: a run was stopped while it made or emptied the folder.
            self._empty(but=TEMPORARY)
        self._write_note()

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

    def claim(self, place: Path, digest: str) -> None:
        """Note, before it is put there, that what will lie at ``place`` is this run's: ``digest`` tells it from others."""
        self._claims[str(place.absolute())] = digest
        self._write_note()

    def claimed(self, place: Path) -> str | None:
        """The digest under which this run claimed ``place``."""
        return self._claims.get(str(place.absolute()))

    def remove(self) -> bool:
        """Remove the folder with all in it, the note last; True when it is gone."""
        with contextlib.suppress(OSError):
            self._empty(but=NOTE)
            self.path(NOTE).unlink(missing_ok=True)
            self.folder.rmdir()
        return not self.folder.exists()

    def _write_note(self) -> None:
        self.put(NOTE, json.dumps({"digest": self._digest, "claims": self._claims}).encode())

    def _empty(self, but: str = "") -> None:
        """Remove all files; the note goes first (or stays), so that what is left of a stopped removal is nobody's."""
        for entry in sorted(self.folder.iterdir(), key=lambda entry: entry.name != NOTE):
            if entry.name == but:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def __enter__(self) -> Self:
        self.path(TEMPORARY).mkdir(exist_ok=True)
        self._files.enter_context(_temporaries_in(self.path(TEMPORARY)))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._files.close()
        # What was refused (exit 2) before anything was made is asked again in other words: there is nothing to go on with.
        made = {entry.name for entry in self.folder.iterdir()} - PLANNED if self.folder.exists() else set()
        refused = bool(self._digest) and kind is not None and issubclass(kind, UsageError) and not made
        if refused or (not self._digest and _read_note(self.folder) is None):
            self.remove()
        os.close(self._lock)


@contextlib.contextmanager
def temporary_files() -> Iterator[None]:
    """For what leaves nothing behind: temporary files and caches lie in a folder of their own (0700), gone at the end."""
    with tempfile.TemporaryDirectory(prefix="xlforget-") as folder, _temporaries_in(Path(folder)):
        yield


@contextlib.contextmanager
def _temporaries_in(folder: Path) -> Iterator[None]:
    """Temporary files and the cache of ``datasets`` lie in ``folder``; no crash dump is written from here on."""
    elsewhere = {name: os.environ.get(name) for name in CACHES}
    os.environ.update(dict.fromkeys(CACHES, str(folder)))
    tempfile.tempdir = str(folder)
    # A crash dump would hold the facts. The hard limit stays: it is not ours to lower for those who started us.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        yield
    finally:
        tempfile.tempdir = None
        for name, value in elsewhere.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def folder_of(out: Path) -> Path:
    """Where the work folder of ``out`` lies."""
    return out.absolute().parent / f".{out.absolute().name}.work"


def claims(out: Path) -> dict[str, str]:
    """What a run that was cut off claimed (absolute path to digest); read without the lock, for checks before it."""
    note = _read_note(folder_of(out))
    return dict(note["claims"]) if note else {}


def _read_note(folder: Path) -> dict[str, Any] | None:
    try:
        note = json.loads((folder / NOTE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    good = isinstance(note, dict) and isinstance(note.get("digest"), str) and isinstance(note.get("claims"), dict)
    return note if good else None


def _locked(folder: Path) -> int:
    """Make the folder and lock it; the descriptor that holds the lock. Again where it was removed in between."""
    while True:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise not_writable(folder) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise MachineError(
                "Another run is at work on this output folder.",
                do="Wait for it, or choose another --out.",
                code="LOCKED",
            ) from None
        if folder.exists() and os.path.samestat(os.fstat(lock), folder.stat()):
            return lock
        os.close(lock)
