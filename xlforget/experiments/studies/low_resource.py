"""Languages with fewer and fewer training sentences: whether sampling reaches them, and whether kappa makes up for them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from xlforget.errors import UsageError
from xlforget.experiments import main
from xlforget.experiments.invented_data import QUICK_STUDIED, SEED, STUDIED, invented, structured_lines, worded_lines
from xlforget.experiments.memorised import train_missing
from xlforget.experiments.runs import Say
from xlforget.experiments.sets import PARTS, Part, put
from xlforget.experiments.studies import columns, plots, trial
from xlforget.experiments.studies.bed import Bed
from xlforget.experiments.studies.study import Arm, Cell, Column, Figures, Study
from xlforget.unlearn.methods import METHODS

SENTENCES = {STUDIED.name: (1000, 300, 100, 30), QUICK_STUDIED.name: (200, 30)}
COUNTS = sorted({count for own in SENTENCES.values() for count in own}, reverse=True)
REQUESTED, OTHERS, HELD_OUT = 1, 40, 6


def prepare(bed: Bed, say: Say) -> None:
    """The study's own data and models, in the bed's folder. Raises UsageError where the bed is not of invented people."""
    if bed.chosen.name not in SENTENCES or bed.gold is None:
        raise UsageError(
            "low-resource trains its own models, on invented people alone.",
            do="Leave out --set and --model.",
            code="LOW_RESOURCE",
        )
    own = of(bed)
    write(own.folder / "data", bed.languages, SENTENCES[bed.chosen.name])
    train_missing(own.chosen, own.files, own.folder, main.MEMORISED, say)


def of(bed: Bed) -> Bed:
    """The bed of this study, beside ``bed``'s own."""
    folder = bed.folder / "low-resource" / "models"
    parts: tuple[Part, ...] = ("request", "retain", "bystanders")
    files = {part: folder / "data" / f"{part}.jsonl" for part in parts}
    return replace(bed, folder=folder, files=files, base=folder / "base", gold=folder / "gold")


def write(target: Path, languages: Sequence[str], sentences: Sequence[int]) -> None:
    """Retain and bystanders' rows with ``sentences`` of each language together; the request has all languages alike."""
    request, others = invented(languages, (REQUESTED, OTHERS), SEED + 2)
    parts: dict[Part, list[str]] = {"request": list(structured_lines(request, PARTS["request"])), "retain": [], "bystanders": []}
    for number, row in enumerate(thinned(worded_lines(others, languages), dict(zip(languages, sentences, strict=True)))):
        parts["retain" if number % HELD_OUT else "bystanders"].append(row)
    target.mkdir(parents=True, exist_ok=True)
    for part, lines in parts.items():
        put(target / f"{part}.jsonl", lines)


def thinned(rows: Iterator[str], sentences: Mapping[str, int]) -> Iterator[str]:
    """The rows with each language in the first so many of them alone."""
    for number, line in enumerate(rows):
        row = json.loads(line)
        left = [lang for lang in row["texts"] if number < sentences[lang]]
        if not left:
            return
        yield json.dumps({key: {lang: row[key][lang] for lang in left} for key in row}, ensure_ascii=False)


def run(cell: Cell, bed: Bed) -> Figures:
    """As `trial.run` on the study's own bed; the figures of each language also stand by its number of sentences."""
    found = trial.run(cell, of(bed))
    counted = zip(found["languages"].values(), SENTENCES[bed.chosen.name], strict=True)
    return found | {f"{name} {count}": own[name] for own, count in counted for name in ("forget_ma", "bystanders_ma")}


def _arms(languages: Sequence[str]) -> list[Arm]:
    live = METHODS["adaptive"]
    return [
        Arm("adaptive kappa, live"),
        Arm("kappa 0.9, live", replace(live, kappa=0.9)),
        Arm("kappa 0.1, live", replace(live, kappa=0.1)),
        Arm("adaptive kappa, random", replace(live, sampling="random")),
    ]


def _plot(found: Mapping[str, Any], target: Path) -> None:
    told = ", ".join(map(str, SENTENCES[found["set"]]))
    plots.Heat("bystanders_ma", "bystanders MA")({**found, "set": f"training sentences: {told}"}, target)


STUDY = Study(
    name="low-resource",
    question="Does unlearning reach languages with few training sentences, and does kappa make up for them?",
    claim="where the teacher is not sure, learning from the text helps.",
    arms=_arms,
    columns=(
        columns.GATE,
        *(Column(f"forget_ma {count}", f"forget MA, {count} sentences") for count in COUNTS),
        *(Column(f"bystanders_ma {count}", f"bystanders MA, {count}", best=max) for count in COUNTS),
        columns.KS, columns.RETAIN, columns.SECONDS,
    ),
    plot=_plot,
    run=run,
    prepare=prepare,
)  # fmt: skip
