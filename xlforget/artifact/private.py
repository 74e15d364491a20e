"""A file with personal data: readable by its owner only, there whole or not at all."""

import contextlib
import hashlib
import os
from pathlib import Path

from xlforget.errors import MachineError, UsageError


def partial(path: Path) -> Path:
    """Where ``path`` is written before it gets its name. One fixed place, so that what a killed run left is found."""
    return path.with_name(f".{path.name}.partial")


def write_private(path: Path, content: bytes, *, overwrite: bool = False) -> None:
    """Write ``content`` with mode 0600 in one step. Raises UsageError FILE_EXISTS, MachineError NOT_WRITABLE."""
    if not overwrite:
        check_absent(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = partial(path)
    staged.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    finally:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)


def check_absent(path: Path) -> None:
    """Refuse a path where something lies already, or a place where nothing can be written, before any work is done."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path.name} already exists", do="Choose another name.", code="FILE_EXISTS")
    check_writable(path)


def check_writable(path: Path) -> None:
    """Raise MachineError NOT_WRITABLE where ``path`` could not be made."""
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise not_writable(path)


def not_writable(path: Path) -> MachineError:
    """The error for a place in which nothing can be made."""
    what = f"Nothing can be written where {path.name} should go."
    return MachineError(what, do="Choose another place, or make its folder writable.", code="NOT_WRITABLE")


def digest(content: bytes) -> str:
    """SHA-256 (hex)."""
    return hashlib.sha256(content).hexdigest()
