"""Tests of a model's scores on the facts against its scores on unseen controls: exact or permutation p-values.

A table holds one score: rows are facts (or controls), columns languages, NaN where a row lacks a language. Under the null
hypothesis, that the model never saw the facts, rows of facts and of controls are exchangeable, so relabelling rows gives
the distribution of every statistic here. All tests are one-sided: only knowing *more* than of unseen text counts.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom
from scipy.stats import t as student

Table = NDArray[np.float64]

EXCEED = 0.95
# Scores of unseen text have heavier tails than a normal distribution; a few hundred controls cannot say how heavy.
FREEDOM = 12
FEWEST = 12  # controls of a kind that can say where its scores lie
LEAST = 0.01  # nats per token: what is known this well is known
# Of a test's level, what goes to a fact or pair that lies far out, whose p is tiny where it is known: ranks need the rest.
FAR_SHARE = 0.1


class Rows(NamedTuple):
    """Scores, [rows, languages], and of each row what it is of (its relation), as a number: answers of one kind are as easy to
    guess as each other."""

    table: Table
    kinds: NDArray[np.intp]

    def present(self, column: int | None) -> "Rows":
        """Rows that have a figure: in the column asked for, or in any."""
        part = self.table if column is None else self.table[:, [column]]
        there = ~np.isnan(part).all(axis=1)
        return Rows(part[there], self.kinds[there])


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


def standardise(rows: Rows, others: Rows) -> Table:
    """How many standard deviations of ``others`` of its kind each score lies above their mean, language by language; of all,
    where fewer than `FEWEST` of that kind have a figure. So languages and kinds can be pooled.

    Ranks are exact where facts and controls are put on the scale of both together: on that of the controls alone, one that
    lies far out widens the scale for itself, and a fact does not.
    """
    found = np.empty(rows.table.shape)
    for kind in np.unique(rows.kinds):
        own = others.table[others.kinds == kind]
        enough = (~np.isnan(own)).sum(axis=0) >= FEWEST
        places = [own[:, k] if ok else others.table[:, k] for k, ok in enumerate(enough)]
        mean, spread = (np.array([of(place) for place in places]) for of in (np.nanmean, np.nanstd))
        mine = rows.kinds == kind
        found[mine] = (rows.table[mine] - mean) / np.where(spread > 0, spread, 1.0)
    return found


def certainty(rows: Rows) -> Rows:
    """-log of the surprisal, where a single fact is looked for.

    Answers differ in surprisal by factors: known ones have next to none, and unseen ones, hard or easy, lie close together on
    this scale. On that of the log-probability itself the hard ones spread so far that 0 is no outlier.
    """
    return rows._replace(table=-np.log(np.maximum(-rows.table, LEAST)))


def test_facts(facts: Rows, controls: Rows, level: float, *, fine: bool) -> Tested:
    """How many facts, by their mean over languages, lie above the controls' 95 % quantile, or above all controls.

    Exact: with k controls at or above the line, at least c facts above it means that of the c + k - 1 highest rows at least
    c are facts, a hypergeometric tail. Ties go to the controls. No such count sees one fact among many: of 32 facts and 96
    controls the highest is a fact every fourth time. ``fine``, of log-probabilities: a fact counts as well that lies further out
    than the distribution of the controls allows (`beyond`, by `certainty`), for a tenth of the level, or half where there is no
    other; the two counts share the rest (Bonferroni).
    """
    both = Rows(np.concatenate([facts.table, controls.table]), np.concatenate([facts.kinds, controls.kinds]))
    f, c = np.split(np.nanmean(standardise(both, both), axis=1), [len(facts.table)])
    lines = [max(1, int(np.ceil((1 - EXCEED) * len(c)))), 1]
    top = np.sort(c)[::-1]
    above = [int((f > top[k - 1] + 1e-12).sum()) for k in lines]
    ps = [_tail(n, k, len(f), len(c)) for n, k in zip(above, lines, strict=True)]
    for_far = (FAR_SHARE if len(f) > 1 else 0.5) if fine else 0.0
    share = (1 - for_far) / len(lines)
    far = beyond(*_far(facts, controls)) / for_far if fine else 1.0
    needed = next((n for n in range(1, len(f) + 1) if _tail(n, lines[0], len(f), len(c)) <= share * level), len(f) + 1)
    return Tested(float(above[0]), min(1.0, min(ps) / share, far), float(needed))


def test_alone(fact: Rows, controls: Rows, level: float) -> Tested:
    """The only fact there is, [1, 1]: its rank among the controls, or how far out it lies, the smaller p twice."""
    f, c = (own[:, 0] for own in _far(fact, controls))
    rank = (1 + int((c >= f[0] - 1e-12).sum())) / (len(c) + 1)
    zero, one = standardise(Rows(np.array([[0.0], [1.0]]), np.repeat(fact.kinds, 2)), certainty(controls))[:, 0]
    threshold = -np.exp(-(_furthest(c, level / 2) - zero) / (one - zero))
    return Tested(float(fact.table[0, 0]), min(1.0, 2 * min(rank, _out(float(f[0]), c))), float(threshold))


def _far(facts: Rows, controls: Rows) -> tuple[Table, Table]:
    """How certain the model is of each, in standard deviations of the controls of its kind."""
    sure = certainty(controls)
    return standardise(certainty(facts), sure), standardise(sure, sure)


def _furthest(controls: NDArray[np.float64], level: float) -> float:
    """Where the p of a single fact is ``level`` by `_out`."""
    count = len(controls)
    out = float(student.isf(level, min(FREEDOM, max(1, count - 1))))
    return float(controls.mean() + out * np.std(controls) * np.sqrt((count + 1) / max(1, count - 1)))


def beyond(facts: Table, controls: Table) -> float:
    """p of the furthest of ``facts`` by its mean over the languages that it has, among controls in the same languages; times the
    number of facts (Bonferroni). Both standardised."""
    there = ~np.isnan(facts)
    found = 1.0
    for langs in np.unique(there, axis=0):
        if langs.any():
            own = facts[(there == langs).all(axis=1)][:, langs].mean(axis=1)
            found = min(found, _out(float(own.max()), controls[:, langs].mean(axis=1)))
    return min(1.0, len(facts) * found)


def _out(value: float, controls: NDArray[np.float64]) -> float:
    """p of one value: a prediction interval of Student's t around the controls.

    Not exact, as ranks are. With `FREEDOM` degrees of freedom at most it allows for heavier tails than those of a normal
    distribution, and a value that is not above all controls is no outlier.
    """
    controls = controls[~np.isnan(controls)]
    count = len(controls)
    if count < FEWEST or value <= controls.max() or not (spread := float(np.std(controls))):
        return 1.0
    out = (value - controls.mean()) / (spread * np.sqrt((count + 1) / (count - 1)))
    return float(student.sf(out, min(FREEDOM, count - 1)))


def _tail(above: int, line: int, facts: int, controls: int) -> float:
    if above == 0:
        return 1.0
    return float(hypergeom.sf(above - 1, facts + controls, facts, above + line - 1))


def test_pairs(facts: Rows, controls: Rows, relabel: Relabellings, level: float, *, fine: bool) -> Tested:
    """Mean number of a fact's pairs that lie above the pooled 95 % quantile of their language, permuted by fact.

    ``fine``: a single pair counts as well that lies too far out, as in `test_facts`.
    """
    pooled = np.concatenate([facts.table, controls.table])
    lines = np.nanquantile(pooled, EXCEED, axis=0, method="higher")
    over = (pooled >= lines) & (pooled > np.nanmin(pooled, axis=0))
    counts = np.where(np.isnan(pooled), False, over).sum(axis=1).astype(np.float64)
    if not fine:
        return relabel.test_mean(counts[: len(facts.table)], counts[len(facts.table) :], level)
    by_count = relabel.test_mean(counts[: len(facts.table)], counts[len(facts.table) :], level * (1 - FAR_SHARE))
    f, c = _far(facts, controls)
    p = min(1.0, (~np.isnan(f)).sum() * min(beyond(f[:, [k]], c[:, [k]]) / len(f) for k in range(f.shape[1])))
    return replace(by_count, p=min(1.0, by_count.p / (1 - FAR_SHARE), p / FAR_SHARE))
