"""What a set of the main experiment is: its parts as files of xlforget's own form, and how a model memorises it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Part = Literal["request", "retain", "bystanders", "unseen", "test", "tuning"]
# And its ids. "tuning": facts that settings are chosen by, so that nothing of it is seen of those that are reported.
PARTS: dict[Part, str] = {"request": "F", "retain": "R", "bystanders": "B", "unseen": "U", "test": "T", "tuning": "V"}


@dataclass(frozen=True)
class Set:
    """Languages and training of one set, and the shape of the models that memorise it.

    ``step``: of the texts that a method's step reads this share is read, where the set is small.
    ``forget``, ``retain``: the published files of what must go and what must stay, where the set is a published one;
    ``tuning``: how many further rows of it there are for tuning. ``tokens``: the parts that the tokenizer is trained on (all).
    """

    name: str
    languages: tuple[str, ...]
    epochs: int = 40
    batch_tokens: int = 1024
    vocabulary: int = 8000
    layers: int = 4
    width: int = 128
    rate: float = 3e-3
    step: float = 1.0
    forget: str = "forget-32"
    retain: str = ""
    tuning: int = 0
    tokens: tuple[Part, ...] = tuple(PARTS)


def put(path: Path, lines: Iterable[str]) -> None:
    """Write ``lines``, all at once: who reads ``path`` meanwhile, in a command beside this one, has the old file or the new."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    part.replace(path)
