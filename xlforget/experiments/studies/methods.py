"""Every method of the engine on the same facts."""

from collections.abc import Sequence

from xlforget.experiments.studies import columns, trial
from xlforget.experiments.studies.bed import Bed
from xlforget.experiments.studies.relearning import relearned
from xlforget.experiments.studies.study import Arm, Cell, Column, Figures, Study
from xlforget.unlearn.methods import METHODS

RATE = Column("rate", "learning rate", 5)


def _arms(languages: Sequence[str]) -> list[Arm]:
    return [Arm(name, own) for name, own in METHODS.items()]


def run(cell: Cell, bed: Bed) -> Figures:
    """As `trial.run`, with the rate, and with what comes back when half of the facts are learned again."""
    if cell.arm.given:
        model = bed.given(cell.arm.given)
        return trial.measured(bed, model) | relearned(bed, model)
    with trial.scratch(bed, cell) as folder:
        model, spent = trial.erase(trial.asked(cell, bed, folder / "out"), folder / "model")
        return trial.measured(bed, model) | relearned(bed, model) | spent | {"rate": cell.arm.method.lr}


STUDY = Study(
    name="methods",
    question="What does each method leave of the facts, and of what must stay?",
    claim="its method forgets as well as the others and keeps more, on FLORES (MA, PPL) and BMLAMA (PA, PPL).",
    arms=_arms,
    columns=(
        columns.GATE, columns.FORGET, columns.WORST_FORGET, Column("forget_ppl", "forget perplexity", 1), columns.PA, columns.KS,
        columns.RELEARNED, columns.RELEARNED_KS, columns.RETAIN, columns.BYSTANDERS, columns.WORST_BYSTANDERS, columns.KEPT,
        columns.UNSEEN, RATE, columns.STEPS, columns.SECONDS,
    ),
    plot=columns.FORGET_AGAINST_RETAIN,
    run=run,
    tunes=True,
)  # fmt: skip
