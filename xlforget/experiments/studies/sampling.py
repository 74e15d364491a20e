"""Which pairs a step reads: in random languages, one language after another, in turn, or those not yet where they should be."""

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from xlforget.experiments.studies import columns, trial
from xlforget.experiments.studies.study import Arm, Study
from xlforget.unlearn.curriculum import Sampling
from xlforget.unlearn.methods import METHODS


def _arms(languages: Sequence[str]) -> list[Arm]:
    ways: Sequence[Sampling] = get_args(Sampling)
    first = languages[0]
    return [
        *(Arm(way, replace(METHODS["adaptive"], sampling=way)) for way in ways),
        Arm(f"{first} alone", replace(METHODS["adaptive"], sampling="random"), languages=(first,)),
    ]


STUDY = Study(
    name="sampling",
    question="Which order of the languages forgets best, and what does each cost?",
    claim="drawing a language at random costs as much as unlearning in one; one language after another costs as many times more.",
    arms=_arms,
    columns=(
        columns.GATE, columns.FORGET, columns.WORST_FORGET, columns.KS, columns.RETAIN, columns.BYSTANDERS, columns.STEPS,
        columns.SECONDS,
    ),
    plot=columns.FORGET_AGAINST_RETAIN,
    run=trial.run,
)  # fmt: skip
