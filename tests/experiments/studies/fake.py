"""A study whose cells take no time: a module of its own, so that the processes of a pool can import it."""

import os
from pathlib import Path

from xlforget.experiments.sets import Set
from xlforget.experiments.studies.bed import Bed
from xlforget.experiments.studies.plots import Axis, Pareto
from xlforget.experiments.studies.study import Arm, Cell, Column, Figures, Study

LEVELS = {"mild": 0.3, "harsh": 0.1, "idle": 0.9}


def cell(own: Cell, bed: Bed) -> Figures:
    """Every run leaves a line, so that a test can count them; a file "broken" names the cell that cannot be run."""
    broken = bed.folder / "broken"
    if broken.exists() and broken.read_text() == own.name:
        raise KeyboardInterrupt
    with (bed.folder / "ran.txt").open("a") as lines:
        lines.write(f"{own.name} {os.getpid()}\n")
    level = LEVELS.get(own.arm.name, 0.0) + own.seed / 100
    return {"gone": level, "kept": 0.5, "none": None, "languages": {"en": {"gone": level}, "hi": {"gone": level / 2}}}


STUDY = Study(
    name="fake",
    question="Which?",
    claim="none.",
    arms=lambda languages: [Arm(name) for name in LEVELS],
    columns=(Column("gone", "gone", best=min), Column("kept", "kept", best=max), Column("none", "none")),
    plot=Pareto(Axis("gone", "gone", "lower"), Axis("kept", "kept", "higher")),
    run=cell,
)


def bed(folder: Path) -> Bed:
    return Bed(Set("fake-set", ("en", "hi")), folder, {}, folder / "base", folder / "gold", folder / "key.pem")
