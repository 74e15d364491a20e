"""How small a leak the tests would have found."""

from collections.abc import Sequence, Set
from typing import NamedTuple

import numpy as np

from xlforget.measure.check import Check, Tables
from xlforget.measure.planned import Planned
from xlforget.measure.tester import Tester

POWER = 0.9


def smallest_leak(checks: Sequence[Check], alpha: float, seed: int, trials: int = 40) -> int | None:
    """The smallest number of facts left whole that the tests would have found in nine of ten trials; None: not even all.

    Facts left whole take the base's scores, in the checks without an attack; found means that some test that the gate has over
    facts or pairs, or over the languages of a fact alone, rejects at the first Holm level. Bisection, since more facts are never
    harder to find on average.
    """
    tester = Tester(sum(len(check.planned()) for check in checks), alpha, seed)
    checks = [check for check in checks if check.attack is None]
    pooled = [(check, plan) for check in checks for plan in check.planned() if plan.lang is None or check.alone]
    tables = {(check.name, score): check.tables(score) for check, (score, _, _) in pooled}
    tests = [_Asked(check, plan, tables[check.name, plan.score]) for check, plan in pooled]
    most = len({row for check in checks for row in check.edited.facts.rows()})
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        found = [_finds(tests, tester, middle, np.random.default_rng([seed, middle, k])) for k in range(trials)]
        low, high = (low, middle) if np.mean(found) >= POWER else (middle, high)
    return high if high <= most else None


class _Asked(NamedTuple):
    check: Check
    plan: Planned
    tables: Tables

    def finds(self, tester: Tester, lost: Set[str]) -> bool:
        """Whether the test rejects when these facts are left whole."""
        _, level, lang = self.plan
        column = None if lang is None else self.check.langs.index(lang)
        rows = np.array([i for i, row in enumerate(self.check.edited.facts.rows()) if row in lost], np.intp)
        leaked = self.tables.leaked(rows)
        found = not np.isnan(leaked.table).all()
        return found and tester.run(level, column, leaked, self.tables.controls, fine=self.tables.fine).p <= tester.level


def _finds(tests: Sequence[_Asked], tester: Tester, leaks: int, rng: np.random.Generator) -> bool:
    """Whether some test rejects when ``leaks`` facts, the same in every score, are left whole."""
    names = list(dict.fromkeys(row for own in tests for row in own.check.edited.facts.rows()))
    lost = {names[k] for k in rng.permutation(len(names))[:leaks]}
    return any(own.finds(tester, lost) for own in tests)
