"""Figures of a model at stages one after another: named "<figure> after <k>", so that each has its mean and its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlforget.experiments.studies.plots import Axis, Lines
from xlforget.experiments.studies.study import Figures


def at(stage: int, found: Mapping[str, Any], names: Sequence[str]) -> Figures:
    """The named ones of a model's figures, as those of a stage."""
    return {f"{name} after {stage}": found[name] for name in names}


@dataclass(frozen=True)
class Staged:
    """One line for each arm: the mean of ``figure`` after each stage."""

    across: str
    figure: Axis

    def __call__(self, found: Mapping[str, Any], target: Path) -> None:
        series = {name: points for name, own in found["arms"].items() if (points := self._points(own["figures"]))}
        Lines(Axis("stage", self.across), self.figure)({**found, "series": series}, target)

    def _points(self, figures: Mapping[str, Any]) -> list[dict[str, float]]:
        start = f"{self.figure.key} after "
        stages = sorted(int(name.removeprefix(start)) for name in figures if name.startswith(start))
        return [{"stage": stage, self.figure.key: figures[f"{start}{stage}"]["mean"]} for stage in stages]
