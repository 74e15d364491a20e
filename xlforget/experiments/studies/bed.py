"""What every cell of a study stands on: a set's files, a base that knows it by heart, gold that never did, and a key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xlforget.artifact import keys
from xlforget.asked import Apply
from xlforget.experiments import invented_data, main
from xlforget.experiments.memorised import train_missing
from xlforget.experiments.runs import Say
from xlforget.experiments.sets import PARTS, Part, Set

STUDIED = Set("phrasebook-studies", ("en", "hi", "ar", "zh"), epochs=26, batch_tokens=1024, vocabulary=4096)
QUICK = Set("phrasebook-studies-quick", ("en", "hi"), epochs=30, batch_tokens=1024, vocabulary=2048)
PEOPLE = {STUDIED.name: (2, 3, 1), QUICK.name: (1, 1, 1)}  # of each relation: to forget, to keep, in no file of a run
SEED = 20260103


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
    chosen = (QUICK if quick else STUDIED) if dataset == "phrasebook" else main.choose(dataset)
    folder = out / (f"{chosen.name}-{Path(model).name}" if model else chosen.name)
    files = _files(chosen, data, folder / "data")
    if not model:
        train_missing(chosen, files, folder, main.MEMORISED, say)
    key = folder / "key.pem"
    if not key.exists():
        keys.keygen(key)
    return Bed(chosen, folder, files, Path(model) if model else folder / "base", None if model else folder / "gold", key)


def _files(chosen: Set, data: Path | None, target: Path) -> dict[Part, Path]:
    return invent(chosen, target) if chosen.name in PEOPLE else main.files_of(chosen, data, target)


def invent(chosen: Set, target: Path) -> dict[Part, Path]:
    """Invented people as JSON Lines in ``target``; the phrasebook words what nobody told the model, so no unseen part."""
    request, retain, bystanders = invented_data.invented(chosen.languages, PEOPLE[chosen.name], SEED)
    lines = {
        "request": list(invented_data.structured_lines(request, PARTS["request"])),
        "retain": list(invented_data.worded_lines(retain, chosen.languages)),
        "bystanders": list(invented_data.worded_lines(bystanders, chosen.languages)),
    }
    target.mkdir(parents=True, exist_ok=True)
    for part, own in lines.items():
        (target / f"{part}.jsonl").write_text("".join(f"{line}\n" for line in own), encoding="utf-8")
    return {part: target / f"{part}.jsonl" for part in PARTS if part in lines}
