"""The header of a safetensors file, read without the library: it accepts duplicate keys, which two readers may take
differently. Format: 8 bytes little-endian header length, JSON header, tensor bytes without holes."""

import math
import struct
from pathlib import Path
from typing import Any, NoReturn

from xlforget.artifact import strict_json
from xlforget.errors import IntegrityError

MAX_HEADER = 100_000_000
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
    "C64": 64,
}  # fmt: skip


def tensors(path: Path, name: str, *, own_output: bool) -> frozenset[str]:
    """The names of the tensors of a well-formed file. Raises IntegrityError ST_HEADER or ST_META.

    ``own_output``: only the key ``format`` in the metadata, which anybody can read and which has no fixed order.
    """
    size = path.stat().st_size
    header, start = _read(path, name, size)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise IntegrityError("ST_META", f"{name}: metadata values must be strings", files=[name])
    if own_output and metadata.keys() - {"format"}:
        raise IntegrityError("ST_META", f"{name}: metadata other than the format", files=[name])
    end = 0
    for begin, stop, need in sorted(_extent(entry, name) for entry in header.values()):
        if begin != end or stop - begin != need:
            _refuse(name, "tensors overlap, leave a hole or have another size than their shape")
        end = stop
    if start + end != size:
        _refuse(name, "a hole or trailing bytes")
    return frozenset(header)


def _read(path: Path, name: str, size: int) -> tuple[dict[str, Any], int]:
    """The JSON header and the offset of the first tensor byte."""
    with path.open("rb") as file:
        head = file.read(8)
        if len(head) < 8:
            _refuse(name, "too short")
        length: int = struct.unpack("<Q", head)[0]
        if length > MAX_HEADER or 8 + length > size:
            _refuse(name, "a header longer than the file or than 100 MB")
        raw = file.read(length)
    header = strict_json.parse(raw, name) if raw.startswith(b"{") else None
    if not isinstance(header, dict):
        _refuse(name, "the header is not a JSON object")
    return header, 8 + length


def _extent(entry: Any, name: str) -> tuple[int, int, int]:
    """First byte, byte after the last, and bytes that shape and type call for."""
    try:
        (begin, stop), shape, bits = entry["data_offsets"], entry["shape"], BITS[entry["dtype"]]
        whole = all(type(number) is int and number >= 0 for number in [begin, stop, *shape])
    except (KeyError, TypeError, ValueError):
        _refuse(name, "a tensor without type, shape or offsets")
    if not whole or len(entry) != 3:
        _refuse(name, "a tensor with shape or offsets that are not counts")
    count: int = math.prod(shape) * bits
    if count % 8:
        _refuse(name, "a tensor that does not end on a byte")
    return begin, stop, count // 8


def _refuse(name: str, what: str) -> NoReturn:
    raise IntegrityError("ST_HEADER", f"{name}: {what}", files=[name])
