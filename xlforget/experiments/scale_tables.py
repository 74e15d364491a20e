"""The results of `bench scale`: what grows with what, fitted as a power with its interval."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scipy import stats

from xlforget.experiments import results

MOST = 1.1
AXES = ("facts", "languages")
COSTS = {"steps": "optimizer steps", "seconds": "wall time, s"}
COLUMNS = ("facts", "languages", "pairs", "gate passed", "steps", "of these seconds of unlearning", "wall time, s")

Row = Mapping[str, Any]


class Power(NamedTuple):
    """cost = a * size ** exponent; ``low`` and ``high``: the exponent's 95 % interval."""

    exponent: float
    low: float
    high: float


def fit(sizes: Sequence[float], costs: Sequence[float]) -> Power:
    """Least squares on the logarithms, interval by Student's t over the points. Nothing can be said of one size alone: whatever
    the exponent is, it is none that holds."""
    if len(set(sizes)) < 2:
        return Power(math.inf, -math.inf, math.inf)
    found = stats.linregress([math.log(size) for size in sizes], [math.log(cost) for cost in costs])
    free = len(sizes) - 2
    half = float(stats.t.ppf(0.975, free)) * float(found.stderr) if free > 0 else math.inf
    return Power(float(found.slope), float(found.slope) - half, float(found.slope) + half)


def document(rows: Sequence[Row]) -> dict[str, Any]:
    """All of it as plain data."""
    powers = {
        axis: {cost: fit([r[axis] for r in own], [r[cost] for r in own])._asdict() for cost in COSTS}
        for axis, own in ((axis, _along(axis, rows)) for axis in AXES)
    }
    return results.origin("scale") | {"most": MOST, "powers": powers, "runs": list(rows)}


def _along(axis: str, rows: Sequence[Row]) -> list[Row]:
    """The runs in which only ``axis`` varies, less those that trained nothing: their request could not be judged."""
    rows = [row for row in rows if row["steps"]]
    if axis == "facts":
        return [row for row in rows if row["languages"] == max(r["languages"] for r in rows)]
    return [row for row in rows if row["facts"] == min(r["facts"] for r in rows)]


def holds(found: Mapping[str, Any]) -> bool:
    """Every gate passed, and no cost grows faster than linearly, up to the tolerance."""
    powers = [own["exponent"] for axis in found["powers"].values() for own in axis.values()]
    return all(row["code"] == 0 for row in found["runs"]) and all(exponent <= MOST for exponent in powers)


def markdown(found: Mapping[str, Any]) -> str:
    """A row for each size, means and ranges over seeds, and the fitted powers."""
    sizes = list(dict.fromkeys((row["facts"], row["languages"]) for row in found["runs"]))
    rows = {size: [row for row in found["runs"] if (row["facts"], row["languages"]) == size] for size in sizes}
    lines = [
        "# bench scale",
        "",
        *results.table(COLUMNS, *map(_cells, rows.values()), named=0),
        "",
        *results.table(("grows with", "cost", "exponent", "95 % interval"), *_powers(found["powers"]), named=2),
        "",
        results.origin_line(found),
    ]
    return "\n".join(lines) + "\n"


def _powers(powers: Mapping[str, Any]) -> list[list[str]]:
    return [
        [axis, COSTS[cost], f"{own['exponent']:.2f}", f"{own['low']:.2f} to {own['high']:.2f}"]
        for axis, costs in powers.items()
        for cost, own in costs.items()
    ]


def _cells(own: Sequence[Row]) -> list[str]:
    passed = sum(row["code"] == 0 for row in own)
    return [
        str(own[0]["facts"]),
        str(own[0]["languages"]),
        str(own[0]["pairs"]),
        f"{passed} of {len(own)}",
        *(_range([row[key] for row in own]) for key in ("steps", "unlearning", "seconds")),
    ]


def _range(values: Sequence[float]) -> str:
    """The mean, and the least and the most where they differ."""
    least, most = (f"{value:.0f}" for value in (min(values), max(values)))
    mean = f"{sum(values) / len(values):.0f}"
    return mean if least == most else f"{mean} ({least} to {most})"
