"""What every cell of a study stands on: a set's files, a base that knows it by heart, gold that never did, and a key."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from xlforget.artifact import keys
from xlforget.asked import Apply
from xlforget.experiments import main
from xlforget.experiments.invented_data import QUICK_STUDIED, STUDIED
from xlforget.experiments.memorised import train_missing
from xlforget.experiments.runs import Say
from xlforget.experiments.sets import Part, Set
from xlforget.unlearn.methods import Method

TUNED: tuple[Part, ...] = ("tuning",)
TUNING = 16


@dataclass(frozen=True)
class Bed:
    """``gold``: None where the base is a model of the user's, whose training nobody can repeat here."""

    chosen: Set
    folder: Path
    files: Mapping[Part, Path] = field(hash=False)
    base: Path
    gold: Path | None
    key: Path

    @property
    def languages(self) -> tuple[str, ...]:
        return self.chosen.languages

    def sized(self, method: Method) -> Method:
        """Its steps read as large a share of the set as they would of a ticket."""
        share = self.chosen.step
        return replace(
            method, live_pairs=round(method.live_pairs * share), retain_tokens=round(method.retain_tokens * share)
        )  # fmt: skip

    def given(self, name: str) -> Path:
        """Where "base" or another model of the bed lies."""
        return self.base if name == "base" else self.folder / name

    def asked(self, out: Path) -> Apply:
        """Erase the set's request from the base in all languages, into ``out``."""
        return Apply(
            requests=(str(self.files["request"]),), model=str(self.base), out=out, key=self.key, languages=self.languages,
            retain=str(self.files["retain"]), unseen=str(self.files["unseen"]) if "unseen" in self.files else None,
            profile="quick", overwrite=True, fresh=True,
        )  # fmt: skip


def memorised(files: Mapping[Part, Path]) -> dict[str, list[Part]]:
    """Which parts each model of a bed knows by heart."""
    return {name: [part for part in (*parts, *TUNED) if part in files] for name, parts in main.MEMORISED.items()}


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One command at a time makes what is missing in a bed; those beside it wait, and then find it made."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def prepare(dataset: str, data: Path | None, model: str | None, out: Path, *, quick: bool, say: Say) -> Bed:
    """The bed in ``out``/<set>; what is there already is not made again.

    Raises UsageError for a set that is none, or without its data.
    """
    chosen = (QUICK_STUDIED if quick else STUDIED) if dataset == "phrasebook" else replace(main.choose(dataset), tuning=TUNING)
    folder = out / _folder(chosen, model)
    with alone(folder):
        files = main.files_of(chosen, data, folder / "data")
        if not model:
            train_missing(chosen, files, folder, memorised(files), say)
        key = folder / "key.pem"
        if not key.exists():
            keys.keygen(key)
    return Bed(chosen, folder, files, Path(model) if model else folder / "base", None if model else folder / "gold", key)


def _folder(chosen: Set, model: str | None) -> str:
    """Of a set's own: bases of the main experiment know no facts to tune on."""
    if model:
        return f"{chosen.name}-{Path(model).name}"
    return chosen.name if chosen in (STUDIED, QUICK_STUDIED) else f"{chosen.name}-studies"
