"""One test of a gate's family at the level that the family leaves it."""

import numpy as np

from xlforget.measure import thresholds
from xlforget.measure.thresholds import Relabellings, Rows, Tested
from xlforget.measure.verdict import Level


class Tester:
    """Runs tests at one level; relabellings are drawn once per pair of sizes, so that scores share them."""

    def __init__(self, tests: int, alpha: float, seed: int) -> None:
        self.level = alpha / max(1, tests)
        self.draws = int(min(99_999, max(9_999, 10 / self.level)))
        self.seed = seed
        self._drawn: dict[tuple[int, int], Relabellings] = {}

    def run(self, level: Level, column: int | None, facts: Rows, controls: Rows, *, fine: bool) -> Tested:
        """One test; without facts or controls nothing can be found, and p is 1. ``fine``: a single fact can stand out."""
        facts, controls = facts.present(column), controls.present(column)
        if len(facts.table) == 0 or len(controls.table) < 2:
            return Tested(float(np.nanmean(facts.table)) if len(facts.table) else 0.0, 1.0, 0.0)
        if level == "fact":
            return thresholds.test_facts(facts, controls, self.level, fine=fine)
        if level == "language" and len(facts.table) == 1 and fine:
            return thresholds.test_alone(facts, controls, self.level)
        relabel = self._relabellings(len(facts.table), len(controls.table))
        if level == "pair":
            return thresholds.test_pairs(facts, controls, relabel, self.level, fine=fine)
        return relabel.test_mean(facts.table[:, 0], controls.table[:, 0], self.level)

    def _relabellings(self, facts: int, controls: int) -> Relabellings:
        if (facts, controls) not in self._drawn:
            self._drawn[facts, controls] = Relabellings.draw(facts, controls, self.draws, self.seed)
        return self._drawn[facts, controls]
