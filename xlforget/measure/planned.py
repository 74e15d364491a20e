"""Which tests a check has: the same for whoever makes them and for whoever asks whether they are all there.

Imports neither torch nor numpy.
"""

from collections.abc import Sequence
from typing import NamedTuple

from xlforget.measure.verdict import Level, Score

SCORES: tuple[Score, ...] = ("ma", "logp", "margin")
FINEST: tuple[Score, ...] = ("logp",)


class Planned(NamedTuple):
    """One test of a check. ``lang`` None: over all its languages."""

    score: Score
    level: Level
    lang: str | None


def planned(langs: Sequence[str], *, facts: int, attacked: bool) -> list[Planned]:
    """Every test of a check of so many facts in these languages, in the order in which it is reported.

    In one language a fact's MA is that of one answer. Short unseen ones reach 1, so that no fact could stand out. After an
    attack the log-probability alone is tested, which sees most: every further test takes power from all, and a few facts
    have little. So too of one fact alone, of which other scores say nothing; each of its pairs is a language's only one.
    """
    alone = facts == 1
    found: list[Planned] = []
    for score in FINEST if attacked or alone else SCORES:
        found += [Planned(score, "language", lang) for lang in langs]
        found += [Planned(score, "fact", None)] if len(langs) > 1 or not (score == "ma" or alone) else []
        found += [] if alone else [Planned(score, "pair", None)]
    return found
