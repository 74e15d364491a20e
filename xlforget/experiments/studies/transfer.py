"""Unlearn in one language, measure in all."""

from collections.abc import Sequence

from xlforget.experiments.studies import columns, plots, trial
from xlforget.experiments.studies.study import Arm, Study


def _arms(languages: Sequence[str]) -> list[Arm]:
    alone = [Arm(f"{lang} alone", languages=(lang,)) for lang in languages]
    return [alone[0], Arm("all languages"), *alone[1:]]


STUDY = Study(
    name="transfer",
    question="Does what is unlearned in one language go in the others, too?",
    claim="unlearning in one language does not necessarily transfer to others.",
    arms=_arms,
    columns=(
        columns.GATE, columns.FORGET, columns.WORST_FORGET, columns.LOGP, columns.KS, columns.BYSTANDERS, columns.STEPS,
        columns.SECONDS,
    ),
    plot=plots.Heat("forget_ma", "forget MA (1: known by heart)"),
    run=trial.run,
    quick=3,
)  # fmt: skip
