"""Tests of a model's scores on the facts against its scores on unseen controls: exact or permutation p-values.

A table holds one score: rows are facts (or controls), columns languages, NaN where a row lacks a language. Under the null
hypothesis, that the model never saw the facts, rows of facts and of controls are exchangeable, so relabelling rows gives
the distribution of every statistic here. All tests are one-sided: only knowing *more* than of unseen text counts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

Table = NDArray[np.float64]

EXCEED = 0.95


@dataclass(frozen=True)
class Tested:
    """A statistic of the facts, its p-value, and the value at which p would have reached ``level``."""

    statistic: float
    p: float
    threshold: float


@dataclass(frozen=True)
class Relabellings:
    """``draws`` random choices of n rows out of n + m: indices of the rows that play the facts, [draws, n]."""

    chosen: NDArray[np.intp]

    @classmethod
    def draw(cls, facts: int, controls: int, draws: int, seed: int) -> "Relabellings":
        rng = np.random.default_rng(seed)
        keys = rng.random((draws, facts + controls), dtype=np.float32)
        return cls(np.argpartition(keys, facts - 1, axis=1)[:, :facts])

    def test_mean(self, facts: NDArray[np.float64], controls: NDArray[np.float64], level: float) -> Tested:
        """Permutation test of the facts' mean score."""
        pooled = np.concatenate([facts, controls])
        null = pooled[self.chosen].mean(axis=1)
        statistic = float(facts.mean())
        p = (1 + int((null >= statistic - 1e-12).sum())) / (len(null) + 1)
        return Tested(statistic, p, _critical(null, level))


def _critical(null: NDArray[np.float64], level: float) -> float:
    """Smallest value that fewer than ``level`` of the draws reach."""
    return float(np.quantile(null, 1.0 - level, method="higher"))


def standardise(table: Table, controls: Table) -> Table:
    """Columns minus the controls' mean over the controls' standard deviation, so that languages can be pooled."""
    spread = np.nanstd(controls, axis=0)
    return np.asarray((table - np.nanmean(controls, axis=0)) / np.where(spread > 0, spread, 1.0))


def test_facts(facts: Table, controls: Table, level: float) -> Tested:
    """How many facts, by their mean over languages, lie above the controls' 95 % quantile, or above all controls.

    Exact: with k controls at or above the line, at least c facts above it means that of the c + k - 1 highest rows at least
    c are facts, a hypergeometric tail. The smaller of the two p-values counts twice (Bonferroni). Ties go to the controls.
    """
    f, c = np.nanmean(standardise(facts, controls), axis=1), np.nanmean(standardise(controls, controls), axis=1)
    lines = [max(1, int(np.ceil((1 - EXCEED) * len(c)))), 1]
    top = np.sort(c)[::-1]
    above = [int((f > top[k - 1] + 1e-12).sum()) for k in lines]
    ps = [_tail(n, k, len(f), len(c)) for n, k in zip(above, lines, strict=True)]
    needed = next((n for n in range(1, len(f) + 1) if 2 * _tail(n, lines[0], len(f), len(c)) <= level), len(f) + 1)
    return Tested(float(above[0]), min(1.0, 2 * min(ps)), float(needed))


def _tail(above: int, line: int, facts: int, controls: int) -> float:
    if above == 0:
        return 1.0
    return float(hypergeom.sf(above - 1, facts + controls, facts, above + line - 1))


def test_pairs(facts: Table, controls: Table, relabel: Relabellings, level: float) -> Tested:
    """Mean number of a fact's pairs that lie above the pooled 95 % quantile of their language, permuted by fact."""
    pooled = np.concatenate([facts, controls])
    lines = np.nanquantile(pooled, EXCEED, axis=0, method="higher")
    over = (pooled >= lines) & (pooled > np.nanmin(pooled, axis=0))
    counts = np.where(np.isnan(pooled), False, over).sum(axis=1).astype(np.float64)
    return relabel.test_mean(counts[: len(facts)], counts[len(facts) :], level)


def conformal(facts: Table, controls: Table) -> NDArray[np.float64]:
    """Per fact: (1 + controls at or above) / (m + 1), on the mean over languages of standardised scores."""
    f, c = np.nanmean(standardise(facts, controls), axis=1), np.nanmean(standardise(controls, controls), axis=1)
    return np.asarray((1 + (c[None, :] >= f[:, None]).sum(axis=1)) / (len(c) + 1))
