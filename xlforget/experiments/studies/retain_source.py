"""Where text that must stay comes from: given, sampled from the model, neighbours of the facts alone, or nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xlforget.experiments.studies import columns, trial
from xlforget.experiments.studies.bed import Bed
from xlforget.experiments.studies.study import Arm, Cell, Figures, Study
from xlforget.unlearn.methods import METHODS

# Without the model's own tellings of the facts: these are samples, too, and there are none in some arms.
METHOD = replace(METHODS["adaptive"], told=0)
NOTHING = replace(METHOD, retain=None, retain_tokens=0, made_share=0.0)


@dataclass(frozen=True)
class Source(Arm):
    """``rows``: the set's retain text is given; ``samples``: so many are drawn from the model."""

    rows: bool = False
    samples: int = 0


def _arms(languages: Sequence[str]) -> list[Arm]:
    return [
        Source("retain text", METHOD, rows=True),
        Source("256 samples", METHOD, samples=256),
        Source("neighbours alone", METHOD),
        Source("2048 samples", METHOD, samples=2048),
        Source("retain text, 2048 samples", METHOD, rows=True, samples=2048),
        Source("none", NOTHING),
    ]


def run(cell: Cell, bed: Bed) -> Figures:
    """As `trial.run`, with the sources of the arm."""
    arm = cell.arm
    if not isinstance(arm, Source):
        return trial.run(cell, bed)
    with trial.scratch(bed, cell) as folder:
        asked = trial.asked(cell, bed, folder / "out")
        asked = replace(asked, retain=asked.retain if arm.rows else None, samples=arm.samples)
        model, spent = trial.erase(asked, folder / "model")
        return trial.measured(bed, model) | spent


STUDY = Study(
    name="retain-source",
    question="What do bystanders keep with retain text given, sampled from the model, neighbours of the facts alone, or none?",
    claim="none; its method is always given retain text.",
    arms=_arms,
    columns=(
        columns.GATE, columns.FORGET, columns.KS, columns.RETAIN, columns.BYSTANDERS, columns.WORST_BYSTANDERS, columns.KEPT,
        columns.UNSEEN, columns.STEPS, columns.SECONDS,
    ),
    plot=columns.FORGET_AGAINST_RETAIN,
    run=run,
)  # fmt: skip
