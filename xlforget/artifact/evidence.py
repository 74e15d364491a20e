"""The evidence bundle (``*.xfset``): the documents that ``verify --evidence`` measures again, in one file.

A zip with flat, plainly named JSON or JSONL members. It holds personal data: mode 0600, never part of the model folder.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from xlforget.errors import IntegrityError, UsageError

NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}\.jsonl?")
MAX_PARTS = 64
MAX_BYTES = 1 << 27
# A fixed date, the oldest that zip can write: equal parts give equal bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)
# Everything that zipfile raises on a file that is not what it says.
_MALFORMED = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(ValueError, EOFError, OSError, struct.error),
)


def pack(parts: Mapping[str, bytes]) -> bytes:
    """``parts`` (name to content) as a bundle: equal parts, equal bytes."""
    for name in parts:
        if not NAME.fullmatch(name):
            raise ValueError(f"not a name of a bundle part: {name}")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in sorted(parts):
            bundle.writestr(zipfile.ZipInfo(name, EPOCH), parts[name], zipfile.ZIP_DEFLATED)
    return file.getvalue()


def unpack(content: bytes, name: str) -> dict[str, bytes]:
    """The parts of a bundle; ``name`` is what errors call it. Raises IntegrityError EVIDENCE where it is not one."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            infos = bundle.infolist()
            _check_parts(name, infos)
            return {info.filename: bundle.read(info) for info in infos}  # no further than its stated size
    except _MALFORMED as error:
        raise IntegrityError("EVIDENCE", f"{name}: not an evidence bundle", files=[name]) from error


def read(path: Path) -> bytes:
    """The bytes of a bundle's file. Raises UsageError EVIDENCE_MISSING, IntegrityError EVIDENCE where it is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path.name}", code="EVIDENCE_MISSING") from error
    if len(content) > MAX_BYTES:
        raise IntegrityError("EVIDENCE", f"{path.name}: larger than {MAX_BYTES >> 20} MiB", files=[path.name])
    return content


def _check_parts(bundle: str, infos: list[zipfile.ZipInfo]) -> None:
    """Names as ``write_bundle`` gives them, once each, and no more bytes unpacked than packed ones may be."""
    names = [info.filename for info in infos]
    if len(names) > MAX_PARTS or len(set(names)) != len(names) or not all(NAME.fullmatch(name) for name in names):
        raise IntegrityError("EVIDENCE", f"{bundle}: parts that no bundle has", files=[bundle])
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise IntegrityError("EVIDENCE", f"{bundle}: larger than {MAX_BYTES >> 20} MiB", files=[bundle])
