"""The results of `bench gate`: which models pass which profile, and how often unseen text is found."""

from collections.abc import Mapping
from typing import Any

from scipy import stats

from xlforget.experiments import results

MOST = 0.02
COLUMNS = ("model", "must pass", "profile", "passes", "what failed")
MUST = {True: "yes", False: "no", None: "not told"}


def holds(found: Mapping[str, Any]) -> bool:
    """Whether `standard` is right about every model of which it is known, and the tests keep their size."""
    told = [own for own in found["models"] if own["profile"] == "standard" and own["must"] is not None]
    return all(own["passed"] == own["must"] for own in told) and found["size"]["found"] <= MOST * found["size"]["sets"]


def markdown(found: Mapping[str, Any]) -> str:
    """A row for each model and profile, and the size with its interval."""
    size = found["size"]
    interval = stats.binomtest(size["found"], size["sets"]).proportion_ci(method="wilson")
    lines = [
        f"# bench gate, {found['set']}",
        "",
        *results.table(COLUMNS, *map(_cells, found["models"]), named=len(COLUMNS)),
        "",
        f"Of {size['sets']} sets of {size['facts']} unseen rows in the place of the facts, the tests find {size['found']} "
        f"({size['found'] / size['sets']:.1%}, 95 % interval {interval.low:.1%} to {interval.high:.1%}).",
        "",
        results.origin_line(found),
    ]
    return "\n".join(lines) + "\n"


def _cells(own: Mapping[str, Any]) -> list[str]:
    failed = ", ".join(f"{check} ({count})" for check, count in own["failed"].items())
    return [own["model"], MUST[own["must"]], own["profile"], "yes" if own["passed"] else "no", failed]
