"""How small a leak the tests would have found."""

from collections.abc import Sequence

import numpy as np

from xlforget.measure.check import Check, Tables
from xlforget.measure.tester import Tester
from xlforget.measure.verdict import Level

POWER = 0.9


def smallest_leak(checks: Sequence[Check], alpha: float, seed: int, trials: int = 40) -> int | None:
    """The smallest number of facts left whole that the tests would have found in nine of ten trials; None: not even all.

    Facts left whole take the base's scores, in the checks without an attack; found means that some test over facts or pairs
    that the gate has rejects at the first Holm level. Bisection, since more facts are never harder to find on average.
    """
    tester = Tester(sum(len(check.planned()) for check in checks), alpha, seed)
    checks = [check for check in checks if check.attack is None]
    pooled = [(check, score, level) for check in checks for score, level, lang in check.planned() if lang is None]
    tables = {(check.name, score): check.tables(score) for check, score, _ in pooled}
    tests = [(check, level, tables[check.name, score]) for check, score, level in pooled]
    most = len({row for check in checks for row in check.edited.facts.rows()})
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        found = [_finds(tests, tester, middle, np.random.default_rng([seed, middle, k])) for k in range(trials)]
        low, high = (low, middle) if np.mean(found) >= POWER else (middle, high)
    return high if high <= most else None


def _finds(tests: Sequence[tuple[Check, Level, Tables]], tester: Tester, leaks: int, rng: np.random.Generator) -> bool:
    """Whether some test rejects when ``leaks`` facts, the same in every score, are left whole."""
    names = list(dict.fromkeys(row for check, _, _ in tests for row in check.edited.facts.rows()))
    lost = {names[k] for k in rng.permutation(len(names))[:leaks]}
    for check, level, t in tests:
        leaked = t.leaked(np.array([i for i, row in enumerate(check.edited.facts.rows()) if row in lost], np.intp))
        if not np.isnan(leaked.table).all() and tester.run(level, None, leaked, t.controls, fine=t.fine).p <= tester.level:
            return True
    return False
