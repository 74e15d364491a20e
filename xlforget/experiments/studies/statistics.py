"""Means over seeds with intervals, and which arms cannot be told from the best one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """Mean of ``n`` values, and its interval by Student's t; None with one value, which has none."""

    mean: float
    n: int
    half: float | None


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of at least one value with its interval at `LEVEL`."""
    n = len(values)
    half = None
    if n > 1:
        half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
    return Estimate(float(np.mean(values)), n, half)


def ties(arms: Mapping[str, Sequence[float]], *, highest: bool) -> set[str]:
    """The best arm, and those whose difference to it, paired by seed, may be nothing.

    With one seed only arms with the very same figure tie.
    """
    means = {name: float(np.mean(values)) for name, values in arms.items()}
    best = (max if highest else min)(means, key=lambda name: means[name])
    return {name for name, values in arms.items() if name == best or _tied(values, arms[best])}


def _tied(one: Sequence[float], other: Sequence[float]) -> bool:
    found = estimate([a - b for a, b in zip(one, other, strict=True)])
    return abs(found.mean) <= (found.half or 0.0) + 1e-12
