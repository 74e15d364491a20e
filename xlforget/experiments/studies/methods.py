"""Every method of the engine on the same facts."""

from collections.abc import Sequence

from xlforget.experiments.studies import columns, trial
from xlforget.experiments.studies.study import Arm, Column, Study
from xlforget.unlearn.methods import METHODS


def _arms(languages: Sequence[str]) -> list[Arm]:
    return [Arm(name, own) for name, own in METHODS.items()]


STUDY = Study(
    name="methods",
    question="What does each method leave of the facts, and of what must stay?",
    claim="its method forgets as well as the others and keeps more, on FLORES (MA, PPL) and BMLAMA (PA, PPL).",
    arms=_arms,
    columns=(
        columns.GATE, columns.FORGET, columns.WORST_FORGET, Column("forget_ppl", "forget perplexity", 1), columns.PA, columns.KS,
        columns.RETAIN, columns.BYSTANDERS, columns.WORST_BYSTANDERS, columns.UNSEEN, columns.STEPS, columns.SECONDS,
    ),
    plot=columns.FORGET_AGAINST_RETAIN,
    run=trial.run,
)  # fmt: skip
