"""What a set of the main experiment is: its parts as files of xlforget's own form, and how a model memorises it."""

from dataclasses import dataclass
from typing import Literal

Part = Literal["request", "retain", "bystanders", "unseen", "test"]
PARTS: dict[Part, str] = {"request": "F", "retain": "R", "bystanders": "B", "unseen": "U", "test": "T"}  # and its ids


@dataclass(frozen=True)
class Set:
    """Languages and training of one set.

    ``forget``, ``retain``: the published files of what must go and what must stay, where the set is a published one.
    """

    name: str
    languages: tuple[str, ...]
    epochs: int = 40
    batch_tokens: int = 1024
    vocabulary: int = 8000
    forget: str = "forget-32"
    retain: str = ""
