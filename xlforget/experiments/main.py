"""The main experiment: memorise a set, erase its forget part through the command line, compare with gold.

Gold is the same model trained without the facts. Trained models stay in the output folder and are not trained twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xlforget.asked import Apply
from xlforget.errors import UsageError
from xlforget.experiments import figures, invented_data, judging, results
from xlforget.experiments.invented_data import INVENTED
from xlforget.experiments.memorised import train_missing
from xlforget.experiments.paper_data import SETS, convert
from xlforget.experiments.runs import Commands, Say, by_commands, keeping
from xlforget.experiments.sets import Part, Set

MEMORISED: dict[str, tuple[Part, ...]] = {
    "base": ("request", "retain", "bystanders"),
    "gold": ("retain", "bystanders"),
}


@dataclass(frozen=True)
class Bench:
    """Results as plain data and as Markdown; ``passed``: every command ended with exit 0."""

    passed: bool
    document: dict[str, Any]
    markdown: str


def choose(name: str) -> Set:
    """The set of that name. Raises UsageError for a name that is none."""
    known = SETS | {INVENTED.name: INVENTED}
    if name not in known:
        raise UsageError(f"There is no set {name!r}.", do=f"Choose one of: {', '.join(known)}.", code="UNKNOWN_SET")
    return known[name]


def run(chosen: Set, data: Path | None, out: Path, *, quick: bool, say: Say, quiet: bool = False) -> Bench:
    """The experiment on one set, in ``out``/<set>; ``quick``: the invented people in fewer languages, and no run without samples.
    ``quiet`` sends the commands' own output to stderr.

    Raises UsageError where the data is not there.
    """
    chosen = invented_data.QUICK if quick and chosen is INVENTED else chosen
    folder = out / chosen.name
    files = files_of(chosen, data, folder / "data")
    models = {name: folder / name for name in MEMORISED}
    train_missing(chosen, files, folder, MEMORISED, say)
    key, commands = folder / "key.pem", Commands(say, quiet)
    ran = [] if key.exists() else [commands("keygen", str(key))]
    asked = asked_of(chosen, files, folder, key)
    ran += by_commands(asked, key, commands)
    if not ran[-1].code:
        models["edited"] = asked.out
    if not quick:
        say("the same without text sampled from the model, its model kept whatever the gate says")
        models["edited, no samples"] = folder / "edited-no-samples"
        keeping(replace(asked, out=models["edited, no samples"], samples=0), say)
    say("measuring base, gold and what was edited")
    measured = figures.measure_all(models, asked, files["bystanders"])
    if "edited" in models:
        say("timing what each profile takes")
        measured["cost"] = judging.seconds(asked)
    document = results.document(chosen.name, ran, measured)
    markdown = results.markdown(document)
    results.write(folder, document, markdown)
    return Bench(all(own.code == 0 for own in ran), document, markdown)


def asked_of(chosen: Set, files: Mapping[Part, Path], folder: Path, key: Path) -> Apply:
    """Erase the set's request from its base into ``folder``/edited."""
    return Apply(
        requests=(str(files["request"]),), model=str(folder / "base"), out=folder / "edited", key=key,
        languages=chosen.languages, retain=str(files["retain"]), unseen=str(files["unseen"]) if "unseen" in files else None,
    )  # fmt: skip


def files_of(chosen: Set, data: Path | None, target: Path) -> dict[Part, Path]:
    """The set's parts, written into ``target``. Raises UsageError NO_DATA for a published set without its data."""
    if chosen.name in invented_data.SIZES:
        return invented_data.write(target, chosen)
    if data is None:
        raise UsageError(
            f"The data of {chosen.name} is not part of this package.", do="Give its folder with --data.", code="NO_DATA"
        )
    return convert(chosen, data, target)
