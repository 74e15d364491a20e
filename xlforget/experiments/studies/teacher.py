"""Whose confidence weighs retain text: the model's own, as it was, or that of another model."""

from collections.abc import Sequence

from xlforget.experiments.studies import columns, teachers, trial
from xlforget.experiments.studies.study import Arm, Study


def _arms(languages: Sequence[str]) -> list[Arm]:
    return [
        Arm("the model itself"),
        Arm("masked, mBERT's shape", teacher="teacher-mbert"),
        Arm("masked, XLM-R's shape", teacher="teacher-xlm-r"),
        Arm("larger", teacher="teacher-larger"),
        Arm("smaller", teacher="teacher-smaller"),
    ]


STUDY = Study(
    name="teacher",
    question="Does another teacher than the model itself weigh retain text better?",
    claim="the weights come from a multilingual teacher; which one is best is left open.",
    arms=_arms,
    columns=columns.OF_RETAIN,
    plot=columns.FORGET_AGAINST_RETAIN,
    run=trial.run,
    prepare=teachers.train,
)
