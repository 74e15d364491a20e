"""What every cell of a study stands on: a set's files, a base that knows it by heart, gold that never did, and a key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xlforget.artifact import keys
from xlforget.asked import Apply
from xlforget.experiments import main
from xlforget.experiments.invented_data import QUICK_STUDIED, STUDIED
from xlforget.experiments.memorised import train_missing
from xlforget.experiments.runs import Say
from xlforget.experiments.sets import Part, Set


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


def prepare(dataset: str, data: Path | None, model: str | None, out: Path, *, quick: bool, say: Say) -> Bed:
    """The bed in ``out``/<set>; what is there already is not made again.

    Raises UsageError for a set that is none, or without its data.
    """
    chosen = (QUICK_STUDIED if quick else STUDIED) if dataset == "phrasebook" else main.choose(dataset)
    folder = out / (f"{chosen.name}-{Path(model).name}" if model else chosen.name)
    files = main.files_of(chosen, data, folder / "data")
    if not model:
        train_missing(chosen, files, folder, main.MEMORISED, say)
    key = folder / "key.pem"
    if not key.exists():
        keys.keygen(key)
    return Bed(chosen, folder, files, Path(model) if model else folder / "base", None if model else folder / "gold", key)
