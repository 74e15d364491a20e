"""A folder that exists whole or not at all, and the digests of what is in it."""

import contextlib
import ctypes
import errno
import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from xlforget.artifact.policy import walk
from xlforget.artifact.private import check_writable
from xlforget.errors import MachineError, UsageError

RENAME_EXCHANGE = 2
AT_FDCWD = -100
SPARE_BYTES = 64 << 20
PAPER = "audit.json"

NO_SPACE_DO = "Free some space on that disk or choose another --out, and run the command again."


def digests(root: Path, *, own_output: bool = True) -> dict[str, str]:
    """SHA-256 (hex) of every file by its name relative to ``root``, sorted; side files of an input model left out.

    Refuses what the folder may not hold, as ``policy.walk`` does.
    """
    found = {}
    for entry in walk(root, own_output=own_output):
        if entry.ignored:
            continue
        with entry.path.open("rb") as file:
            found[entry.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return dict(sorted(found.items()))


def need_bytes(weights: int) -> int:
    """Bytes of free disk to ask for before writing ``weights`` bytes of tensors, their papers and the tokenizer."""
    return weights * 105 // 100 + SPARE_BYTES


def check_target(target: Path, *, overwrite: bool, need: int = 0) -> None:
    """Refuse, before any work is done, a target that could not be written at the end (UsageError, MachineError).

    ``overwrite`` replaces only a folder that holds an audit, so that a slip in --out cannot cost somebody's files.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"{target.name} is not a folder", do="Choose another --out.", code="OUT_EXISTS")
    if target.is_dir() and any(target.iterdir()):
        if not overwrite:
            raise UsageError(f"{target.name} already exists", do="Choose another --out, or add --overwrite.", code="OUT_EXISTS")
        if not (target / PAPER).is_file():
            raise UsageError(
                f"{target.name} was not written by xlforget and is not overwritten",
                do="Choose another --out.",
                code="OUT_FOREIGN",
            )
    check_writable(target)
    parent = next(folder for folder in target.absolute().parents if folder.exists())
    if need > shutil.disk_usage(parent).free:
        raise MachineError(f"not enough disk: {need >> 20} MiB needed", do=NO_SPACE_DO, code="NO_SPACE")


def staging_prefix(target: Path) -> str:
    """How the names of ``target``'s staging folders begin; what a killed run leaves is found by it."""
    return f".{target.name}.staging-"


@contextlib.contextmanager
def output_folder(target: Path, *, need: int = 0, overwrite: bool = False) -> Iterator[Path]:
    """A staging folder that becomes ``target`` in one rename if the block ends without an error; else nothing is left.

    It lies beside the target, so on the same file system, and already has the target's name (signatures carry it).
    A target that is overwritten is exchanged, so there is never a moment without a model. Raises MachineError
    NO_SPACE when the disk fills up, before or in the block.
    """
    target = target.absolute()
    check_target(target, overwrite=overwrite, need=need)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(target)
    holder = Path(tempfile.mkdtemp(prefix=staging_prefix(target), dir=target.parent))
    lock = os.open(holder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        staging = holder / target.name
        staging.mkdir()
        with _full_disk_named():
            yield staging
            _fsync_tree(staging)
            _put_in_place(staging, target)
    finally:
        os.close(lock)
        shutil.rmtree(holder, ignore_errors=True)


@contextlib.contextmanager
def _full_disk_named() -> Iterator[None]:
    """A full disk as MachineError. safetensors raises its own error class for it, which is no OSError."""
    try:
        yield
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or "No space left on device" in str(error):
            raise MachineError("the disk is full; nothing was written", do=NO_SPACE_DO, code="NO_SPACE") from error
        raise


def _put_in_place(staging: Path, target: Path) -> None:
    if target.exists() and any(target.iterdir()):
        _exchange(staging, target)
    else:
        staging.rename(target)  # replaces an empty folder in one step
    _fsync(target.parent)


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders in one step (Linux). Refuses where the system cannot, for the other ways leave a gap."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    failed = rename is None or rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    if failed:
        raise UsageError(
            f"{other.name} cannot be replaced in one step on this file system",
            do="Choose another --out.",
            code="OUT_EXCHANGE",
        )


def _fsync_tree(root: Path) -> None:
    for folder, _, files in os.walk(root):
        for name in files:
            _fsync(Path(folder, name))
        _fsync(Path(folder))


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_stale(target: Path) -> None:
    """Remove what a killed run left behind: staging folders of ``target`` that no running process holds."""
    target = target.absolute()
    for holder in target.parent.glob(f"{glob.escape(staging_prefix(target))}*"):
        with contextlib.suppress(OSError):
            lock = os.open(holder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(holder, ignore_errors=True)
            finally:
                os.close(lock)
