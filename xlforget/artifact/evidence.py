"""The evidence bundle (``*.xfset``): the documents that ``verify --evidence`` measures again, in one file.

A zip with flat, plainly named JSON or JSONL members. It holds personal data: mode 0600, never part of the model folder.
"""

import hashlib
import io
import os
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from xlforget.errors import IntegrityError, UsageError

NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}\.jsonl?")
MAX_PARTS = 64
MAX_BYTES = 1 << 30
# A fixed date, the oldest that zip can write: equal parts give equal bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)
# Everything that zipfile raises on a file that is not what it says.
_MALFORMED = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(ValueError, EOFError, OSError, struct.error),
)


def write_bundle(path: Path, parts: Mapping[str, bytes], *, overwrite: bool = False) -> str:
    """Write ``parts`` (name to content) in one step, readable by the owner only; the file's SHA-256 (hex)."""
    if path.exists() and not overwrite:
        raise UsageError(f"{path.name} already exists", do="Choose another name.", code="EVIDENCE_EXISTS")
    for name in parts:
        if not NAME.fullmatch(name):
            raise ValueError(f"not a name of a bundle part: {name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, staged = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _pack(file, parts)
            file.flush()
            os.fsync(file.fileno())
        Path(staged).replace(path)
    finally:
        Path(staged).unlink(missing_ok=True)
    return bundle_digest(path)


def _pack(file: IO[bytes], parts: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in sorted(parts):
            bundle.writestr(zipfile.ZipInfo(name, EPOCH), parts[name], zipfile.ZIP_DEFLATED)


def read_bundle(path: Path) -> dict[str, bytes]:
    """The parts of a bundle. Raises UsageError where it cannot be read, IntegrityError EVIDENCE where it is not one."""
    content = _read(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            infos = bundle.infolist()
            _check_parts(path.name, infos)
            return {info.filename: bundle.read(info) for info in infos}  # no further than its stated size
    except _MALFORMED as error:
        raise IntegrityError("EVIDENCE", f"{path.name}: not an evidence bundle", files=[path.name]) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path.name}", code="EVIDENCE_MISSING") from error
    if len(content) > MAX_BYTES:
        raise IntegrityError("EVIDENCE", f"{path.name}: larger than {MAX_BYTES >> 30} GiB", files=[path.name])
    return content


def _check_parts(bundle: str, infos: list[zipfile.ZipInfo]) -> None:
    """Names as ``write_bundle`` gives them, once each, and no more bytes unpacked than packed ones may be."""
    names = [info.filename for info in infos]
    if len(names) > MAX_PARTS or len(set(names)) != len(names) or not all(NAME.fullmatch(name) for name in names):
        raise IntegrityError("EVIDENCE", f"{bundle}: parts that no bundle has", files=[bundle])
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise IntegrityError("EVIDENCE", f"{bundle}: larger than {MAX_BYTES >> 30} GiB", files=[bundle])


def bundle_digest(path: Path) -> str:
    """SHA-256 (hex) of the file. It holds the random salt of the parallel set, so nobody can guess its content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
