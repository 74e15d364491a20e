"""Many tickets one after another, each from the model before it, against one batch of them all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xlforget.asked import Apply
from xlforget.experiments.studies import columns, stages, trial
from xlforget.experiments.studies.bed import Bed
from xlforget.experiments.studies.plots import Axis
from xlforget.experiments.studies.study import Arm, Cell, Column, Figures, Study

TICKETS = 4
FIGURES = ("first_ma", "forget_ma", "retain_ma", "bystanders_ma")


@dataclass(frozen=True)
class Order(Arm):
    batch: bool = False


def tickets(request: Path, folder: Path) -> list[Path]:
    """The request's lines dealt out to `TICKETS` files, or to as many as there are lines."""
    lines = request.read_text("utf-8").splitlines()
    dealt = [lines[k::TICKETS] for k in range(min(TICKETS, len(lines)))]
    found = [folder / f"ticket-{k}.jsonl" for k in range(1, 1 + len(dealt))]
    for file, own in zip(found, dealt, strict=True):
        file.write_text("".join(f"{line}\n" for line in own), encoding="utf-8")
    return found


def ids(ticket: Path) -> set[str]:
    return {json.loads(line)["id"] for line in ticket.read_text("utf-8").splitlines()}


def run(cell: Cell, bed: Bed) -> Figures:
    """Erase all tickets in the arm's order. A model that the gate refuses is gone on from all the same."""
    arm = cell.arm
    with trial.scratch(bed, cell) as folder:
        files = tickets(bed.files["request"], folder)
        if not isinstance(arm, Order):
            return _seen(bed, bed.given(arm.given), files)
        model, found = bed.base, {"steps": 0.0, "unlearning": 0.0}
        for number, asked in enumerate(_runs(arm, trial.asked(cell, bed, folder / "out"), files), start=1):
            model, spent = trial.erase(replace(asked, model=str(model)), folder / f"model-{number}")
            found |= {name: found[name] + spent[name] for name in ("steps", "unlearning")}
            last = _seen(bed, model, files)
            found |= stages.at(len(files) if arm.batch else number, last, FIGURES)
        return last | found


def _runs(arm: Order, asked: Apply, files: Sequence[Path]) -> list[Apply]:
    if arm.batch:
        names = tuple(f"T-{k}" for k in range(1, 1 + len(files)))
        return [replace(asked, requests=tuple(map(str, files)), tickets=names)]
    return [replace(asked, requests=(str(file),)) for file in files]


def _seen(bed: Bed, model: Path, files: Sequence[Path]) -> Figures:
    return trial.measured(bed, model) | {"first_ma": trial.known(bed, model, ids(files[0]))}


def _arms(languages: Sequence[str]) -> list[Arm]:
    return [Order("one batch", batch=True), Order("one after another")]


STUDY = Study(
    name="order",
    question="Are many tickets one after another as good as one batch, and do the first ticket's facts return?",
    claim="none; it erases one request.",
    arms=_arms,
    columns=(
        columns.GATE, columns.FORGET, Column("first_ma after 1", "first ticket MA after its run"),
        Column("first_ma", "first ticket MA at the end"), columns.KS, columns.RETAIN, columns.BYSTANDERS, columns.UNSEEN,
        columns.STEPS, columns.SECONDS,
    ),
    plot=stages.Staged("tickets erased", Axis("bystanders_ma", "bystanders MA", "higher")),
    run=run,
)  # fmt: skip
