"""A check as tables of scores: facts and controls of one form, under the edited model and under the base."""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xlforget.corpus.probes import Role
from xlforget.measure import thresholds
from xlforget.measure.judge import MAY_BE_INAPPLICABLE
from xlforget.measure.planned import Planned, planned
from xlforget.measure.scores import Sheet
from xlforget.measure.thresholds import Rows, Table
from xlforget.measure.verdict import Score

# Unseen text in scripts of many small pieces reaches 0.5; known text lies above this.
KNOWN = 0.8
# Standard deviations above the controls.
FAR = 4.0

# What a score cannot exceed; a margin has no such bound.
BEST: dict[Score, float | None] = {"ma": 1.0, "logp": 0.0, "margin": None}

NO_ALTERNATIVES = "no other answers of the same type were given"

# The score by which a single fact can stand out. Nothing is more likely than certain, so its tail towards known text is short; a
# margin's is not, and MA of a short answer is as coarse as its tokens are few.
FINE: tuple[Score, ...] = ("logp",)


@dataclass(frozen=True)
class Sheets:
    """What one model scored on the facts and on the controls of one form."""

    facts: Sheet
    controls: Sheet

    def only(self, rows: Set[str]) -> "Sheets":
        """The part of these rows."""
        return Sheets(self.facts.only(rows), self.controls.only(rows))


@dataclass(frozen=True)
class Check:
    """One form of fact under the wordings of one role, for the edited model and the base.

    ``attack``: what both models were put through before; ``broken``: why nothing can be found in the edited one after it.
    ``required`` False: measured and reported with the verdict, not part of it. ``may_lack``: scores that may be missing, and
    ``lacks``, why they are. ``about_others``: what the edited model makes of these answers about others, if it was asked.
    """

    name: str
    role: Role
    langs: tuple[str, ...]
    base: Sheets
    edited: Sheets
    required: bool = True
    may_lack: frozenset[Score] = MAY_BE_INAPPLICABLE
    attack: str | None = None
    broken: str = ""
    lacks: str = NO_ALTERNATIVES
    about_others: Sheet | None = None

    @property
    def plain(self) -> bool:
        """The model as it is, in the wordings of the request."""
        return self.role != "gate" and self.attack is None

    @property
    def alone(self) -> bool:
        """Whether there is one fact only."""
        return len(self.edited.facts.rows()) == 1

    def planned(self) -> list[Planned]:
        """Every test of this check, in the order in which it is reported."""
        return planned(self.langs, facts=len(self.edited.facts.rows()), attacked=self.attack is not None)

    def tables(self, score: Score) -> "Tables":
        edited, base = (
            [Rows(sheet.table(score, self.role, self.langs), self.kinds(sheet)) for sheet in (s.facts, s.controls)]
            for s in (self.edited, self.base)
        )
        return Tables(edited[0], edited[1], base[0], base[1], BEST[score], score in FINE)

    def kinds(self, sheet: Sheet) -> NDArray[np.intp]:
        """The relation of each row, as its number among those of the facts and the controls."""
        known = sorted({*self.edited.facts.relations(), *self.edited.controls.relations()})
        return np.array([known.index(relation) for relation in sheet.relations()], np.intp)


@dataclass(frozen=True)
class Tables:
    """One score of one check: facts and controls under the edited model and under the base.

    ``fine``: whether a single fact can stand out by it.
    """

    facts: Rows
    controls: Rows
    facts_base: Rows
    controls_base: Rows
    best: float | None
    fine: bool

    @cached_property
    def perfect(self) -> Rows:
        """What a model that knows every fact by heart would score: no score of any model here is higher."""
        tables = [rows.table for rows in (self.facts_base, self.controls, self.facts, self.controls_base)]
        best = self.best if self.best is not None else max(0.0, *(float(np.nanmax(t, initial=-np.inf)) for t in tables)) + 1.0
        return self.facts._replace(table=np.where(np.isnan(self.facts.table), np.nan, best))

    def leaked(self, rows: NDArray[np.intp]) -> Rows:
        """The edited model's table with some facts left whole, as the base has them."""
        table = self.facts.table.copy()
        table[rows] = self.facts_base.table[rows]
        return self.facts._replace(table=table)


def required(checks: Iterable[Check]) -> list[Check]:
    """The checks that decide; the others are measured and reported."""
    return [check for check in checks if check.required]


def knows_controls(ma: Tables, column: int | None) -> bool:
    """Whether a model knows the controls themselves: then its not standing out says nothing, and no test can pass on it."""
    kept = [rows.present(column).table for rows in (ma.controls_base, ma.controls)]
    return any(bool(len(controls)) and float(np.nanmean(controls)) > KNOWN for controls in kept)


def memorised(check: Check, langs: Sequence[str]) -> NDArray[np.bool_]:
    """[rows, languages]: whether the base gave the pair more than 95 % of its controls have (mean log-probability)."""
    return _base_above(check, langs, lambda controls: np.nanquantile(controls, thresholds.EXCEED, axis=0))


def by_heart(check: Check, langs: Sequence[str]) -> NDArray[np.bool_]:
    """[rows, languages]: MA 1 under the base, and a log-probability that is no unseen answer's by any chance.

    A single fact among many that are unknown moves no mean; it must not read as "nothing memorised".
    """
    far = _base_above(check, langs, lambda controls: np.nanmean(controls, axis=0) + FAR * np.nanstd(controls, axis=0))
    return far & (check.base.facts.table("ma", check.role, langs) >= 1.0)


def _base_above(check: Check, langs: Sequence[str], line: Callable[[Table], NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Where the base's log-probabilities lie above a line per language, drawn from the controls; nowhere without any."""
    facts, controls = (s.table("logp", check.role, langs) for s in (check.base.facts, check.base.controls))
    if not len(controls) or np.isnan(controls).all():
        return np.zeros(facts.shape, bool)
    return np.asarray(facts > line(controls))
