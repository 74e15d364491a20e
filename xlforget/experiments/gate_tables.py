"""The results of `bench gate`: which models pass which profile, and how often unseen text is found."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scipy import stats

from xlforget.experiments import results
from xlforget.experiments.planted import RETRAINED

MOST = 0.02
COLUMNS = ("model", "must pass", "profile", "passes", "what failed")
KS = ("KS distance to the retrained models in the request's wordings, of", "models", "over all pairs", "median language")
MA = ("MA in", "models", "of the facts", "of unseen answers")
OTHERS = ("nats a token, asked about others", "models", "the facts' answers", "unseen answers")
COUNTS = ("models that", "profile", "of them pass", "share", "95 % interval")
MUST = {True: "yes", False: "no", None: "not told"}
KINDS = {True: "must pass", False: "must not pass", None: "may do either"}


def holds(found: Mapping[str, Any]) -> bool:
    """Whether `standard` is right about every model of which it is known, and the tests keep their size."""
    told = [own for own in found["models"] if own["profile"] == "standard" and own["must"] is not None]
    return all(own["passed"] == own["must"] for own in told) and found["size"]["found"] <= MOST * found["size"]["sets"]


def markdown(found: Mapping[str, Any]) -> str:
    """A row for each model and profile, and the size with its interval."""
    size, judged = found["size"], found["models"]
    named = dict.fromkeys((own["model"], own["profile"]) for own in judged)
    rows = [[own for own in judged if (own["model"], own["profile"]) == name] for name in named]
    kinds = [(must, profile) for must in KINDS for profile in dict.fromkeys(own["profile"] for own in judged)]
    lines = [
        f"# bench gate, {found['set']}",
        "",
        *results.table(COLUMNS, *map(_cells, rows), named=len(COLUMNS)),
        "",
        *results.table(COUNTS, *(_counted(judged, *kind) for kind in kinds), named=len(COUNTS)),
        "",
        f"Of {size['sets']} sets of {size['facts']} unseen rows in the place of the facts, the tests find {size['found']} "
        f"({size['found'] / size['sets']:.1%}, 95 % interval {_interval(size['found'], size['sets'])}).",
        "",
        *_distance(found["distance"]),
        results.origin_line(found),
    ]
    return "\n".join(lines) + "\n"


def _distance(found: Mapping[str, Any]) -> list[str]:
    """KS distances, where two models were retrained, MA in every sort of wordings, and what is said of others."""
    ks = [
        [
            score,
            f"{name}, to each other" if name == RETRAINED else name,
            *(f"{own[of]:.3f}" for of in ("pooled", "median language")),
        ]
        for score, models in found["ks"].items()
        for name, own in models.items()
    ]
    ma = [
        [wordings, name, f"{own['facts']:.3f}", f"{own['unseen']:.3f}"]
        for wordings, models in found["ma"].items()
        for name, own in models.items()
    ]
    others = [["log p", name, f"{own['facts']:.2f}", f"{own['unseen']:.2f}"] for name, own in found["others"].items()]
    tables = [results.table(head, *rows, named=2) for head, rows in ((KS, ks), (MA, ma), (OTHERS, others)) if rows]
    return [line for lines in tables for line in (*lines, "")]


def _cells(seeds: Sequence[Mapping[str, Any]]) -> list[str]:
    """One model under one profile, of all seeds."""
    own, passed = seeds[0], sum(one["passed"] for one in seeds)
    counts: Counter[str] = Counter()
    for one in seeds:
        counts.update(one["failed"])
    failed = ", ".join(f"{check} ({count})" for check, count in counts.items())
    passes = ("yes" if passed else "no") if len(seeds) == 1 else f"{passed} of {len(seeds)}"
    return [own["model"], MUST[own["must"]], own["profile"], passes, failed]


def _counted(judged: Sequence[Mapping[str, Any]], must: bool | None, profile: str) -> list[str]:
    """How many models of one kind pass."""
    own = [one["passed"] for one in judged if (one["must"], one["profile"]) == (must, profile)]
    if not own:
        return [KINDS[must], profile, "0 of 0", "", ""]
    return [KINDS[must], profile, f"{sum(own)} of {len(own)}", f"{sum(own) / len(own):.1%}", _interval(sum(own), len(own))]


def _interval(count: int, of: int) -> str:
    """Wilson's, for a share."""
    interval = stats.binomtest(count, of).proportion_ci(method="wilson")
    return f"{interval.low:.1%} to {interval.high:.1%}"
