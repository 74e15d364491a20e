"""Hidden states on disk: written as they come, found again only under their key, and read by mapping the file.

Hidden states tell much of the text that they were read from: they lie in the work folder and are wiped with it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from xlforget.corpus.encode import Encoded

FILE = "teacher.safetensors"
STATES = "states"
DTYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}


@dataclass(frozen=True)
class Store:
    """One file of states, [N, D], and the key that it must have been written under."""

    path: Path
    key: str

    def read(self) -> Tensor | None:
        """The states, mapped and not loaded; None where there are none, or those of another key."""
        try:
            with safe_open(self.path, framework="pt") as file:
                same = (file.metadata() or {}).get("key") == self.key
                return file.get_tensor(STATES) if same else None
        except (FileNotFoundError, SafetensorError):
            return None

    def write(self, parts: Iterator[tuple[int, Tensor]], rows: int) -> Tensor:
        """Write ``parts`` (first row, states) that fill ``rows`` rows, one at a time; the file has its name once it is whole."""
        unfinished = self.path.with_name(f"{self.path.name}.part")
        begin = None
        with unfinished.open("wb") as file:
            for first, part in parts:
                begin = self._head(file, rows, part) if begin is None else begin
                file.seek(begin + first * part.shape[1] * part.element_size())
                file.write(part.cpu().contiguous().view(torch.uint8).numpy().data)
        unfinished.rename(self.path)
        found = self.read()
        assert found is not None
        return found

    def _head(self, file: BinaryIO, rows: int, part: Tensor) -> int:
        """The header of a safetensors file with one tensor; returns where that begins, a multiple of eight."""
        shape = [rows, part.shape[1]]
        entry = {"dtype": DTYPES[part.dtype], "shape": shape, "data_offsets": [0, rows * part.shape[1] * part.element_size()]}
        header = json.dumps({"__metadata__": {"key": self.key}, STATES: entry}).encode()
        header += b" " * (-len(header) % 8)
        return file.write(len(header).to_bytes(8, "little") + header)


def store(path: Path, files: Mapping[str, str], dtype: torch.dtype, texts: Sequence[Encoded], asked: Sequence[range]) -> Store:
    """Where the states of these texts under this model lie.

    ``files``: SHA-256 of all files of the model, weights, configuration and tokenizer, by name.
    """
    told = hashlib.sha256(json.dumps([sorted(files.items()), str(dtype)]).encode())
    for text, at in zip(texts, asked, strict=True):
        told.update(json.dumps([text.ids, at.start, at.stop]).encode())
    return Store(path, told.hexdigest())
