"""Which tests a check has: the same for whoever makes them and for whoever asks whether they are all there.

Imports neither torch nor numpy.
"""

from collections.abc import Sequence
from typing import NamedTuple

from xlforget.measure.verdict import Level, Score

SCORES: tuple[Score, ...] = ("ma", "logp", "margin")
AFTER_ATTACKS: tuple[Score, ...] = ("logp",)


class Planned(NamedTuple):
    """One test of a check. ``lang`` None: over all its languages."""

    score: Score
    level: Level
    lang: str | None


def planned(langs: Sequence[str], *, attacked: bool) -> list[Planned]:
    """Every test of a check in these languages, in the order in which it is reported.

    In one language a fact's MA is that of one answer. Short unseen ones reach 1, so that no fact could stand out. After an
    attack the log-probability alone is tested, which sees most: every further test takes power from all, and a few facts
    have little.
    """
    found: list[Planned] = []
    for score in AFTER_ATTACKS if attacked else SCORES:
        found += [Planned(score, "language", lang) for lang in langs]
        found += [Planned(score, "fact", None)] if score != "ma" or len(langs) > 1 else []
        found += [Planned(score, "pair", None)]
    return found
