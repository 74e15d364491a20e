"""How retain text is weighed: by the teacher's confidence, by a constant, or one token off."""

from collections.abc import Sequence
from dataclasses import replace

from xlforget.experiments.studies import columns, trial
from xlforget.experiments.studies.study import Arm, Study
from xlforget.unlearn.methods import METHODS

CONSTANTS = (0.1, 0.5, 0.9)


def _arms(languages: Sequence[str]) -> list[Arm]:
    adaptive = METHODS["adaptive"]
    return [
        Arm("adaptive"),
        Arm("one token off", replace(adaptive, retain="released")),
        *(Arm(f"kappa {value}", replace(adaptive, kappa=value)) for value in CONSTANTS),
        Arm("paper's method, adaptive", METHODS["lingtea"]),
        Arm("paper's method, as released", METHODS["lingtea-released"]),
        *(Arm(f"paper's method, kappa {value}", replace(METHODS["lingtea"], kappa=value)) for value in CONSTANTS),
    ]


STUDY = Study(
    name="kappa",
    question="Does the teacher's confidence weigh retain text better than a constant, and what does the released shift do?",
    claim="a weight that depends on the language, from a multilingual teacher, beats the constants 0.1, 0.5 and 0.9.",
    arms=_arms,
    columns=columns.OF_RETAIN,
    plot=columns.FORGET_AGAINST_RETAIN,
    run=trial.run,
)
