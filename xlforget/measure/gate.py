"""The gate: every test of every check, language, fact and pair, on the edited model and, as positive control, on the base.

A check is one form of fact under one set of wordings. Tests compare a model's scores on the facts with the *same* model's
scores on controls of the same form, so that a model that saw neither passes whatever its level is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xlforget.corpus.probes import Role
from xlforget.measure import judge, thresholds
from xlforget.measure.scores import SCORES, Sheet
from xlforget.measure.thresholds import Relabellings, Tested
from xlforget.measure.verdict import Bound, LanguageRow, Level, Outcome, Score, Test, Verdict

ALPHA = 0.01
NO_ALTERNATIVES = "no other answers of the same type were given"
POWER = 0.9
HIDDEN = (
    "Up to {} facts are known by heart in one language, too few among the others for a test to see. Ask for them in a "
    "request of their own."
)
# Unseen text in scripts of many small pieces reaches 0.5; known text lies above this.
KNOWN = 0.8
# Standard deviations above the controls.
FAR = 4.0

# What a score cannot exceed; a margin has no such bound.
BEST: dict[Score, float | None] = {"ma": 1.0, "logp": 0.0, "margin": None}

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Sheets:
    """What one model scored on the facts and on the controls of one form."""

    facts: Sheet
    controls: Sheet


@dataclass(frozen=True)
class Check:
    """One form of fact under the wordings of one role, for the edited model and the base.

    ``required`` False: measured and reported with the verdict, not part of it.
    """

    name: str
    role: Role
    langs: tuple[str, ...]
    base: Sheets
    edited: Sheets
    required: bool = True

    def planned(self) -> list[tuple[Score, Level, str | None]]:
        """Every test of this check, in the order in which it is reported."""
        found: list[tuple[Score, Level, str | None]] = []
        for score in SCORES:
            found += [(score, "language", lang) for lang in self.langs]
            found += [(score, "fact", None), (score, "pair", None)]
        return found

    def tables(self, score: Score) -> "Tables":
        edited, base = (
            [sheet.table(score, self.role, self.langs) for sheet in (s.facts, s.controls)] for s in (self.edited, self.base)
        )
        return Tables(edited[0], edited[1], base[0], base[1], BEST[score])


@dataclass(frozen=True)
class Tables:
    """One score of one check: facts and controls under the edited model and under the base, [rows, languages] each."""

    facts: Table
    controls: Table
    facts_base: Table
    controls_base: Table
    best: float | None

    @cached_property
    def perfect(self) -> Table:
        """What a model that knows every fact by heart would score: no score of any model here is higher."""
        top = max(float(np.nanmax(t, initial=-np.inf)) for t in (self.facts_base, self.controls, self.facts, self.controls_base))
        return np.where(np.isnan(self.facts), np.nan, self.best if self.best is not None else max(top, 0.0) + 1.0)

    def leaked(self, rows: NDArray[np.intp]) -> Table:
        """The edited model's table with some facts left whole, as the base has them."""
        table = self.facts.copy()
        table[rows] = self.facts_base[rows]
        return table


class Tester:
    """Runs tests at one level; relabellings are drawn once per pair of sizes, so that scores share them."""

    def __init__(self, tests: int, alpha: float, seed: int) -> None:
        self.level = alpha / max(1, tests)
        self.draws = int(min(99_999, max(9_999, 10 / self.level)))
        self.seed = seed
        self._drawn: dict[tuple[int, int], Relabellings] = {}

    def run(self, level: Level, column: int | None, facts: Table, controls: Table) -> Tested:
        """One test; without facts or controls nothing can be found, and p is 1."""
        facts, controls = _present(facts, column), _present(controls, column)
        if len(facts) == 0 or len(controls) < 2:
            return Tested(float(np.nanmean(facts)) if len(facts) else 0.0, 1.0, 0.0)
        if level == "fact":
            return thresholds.test_facts(facts, controls, self.level)
        relabel = self._relabellings(len(facts), len(controls))
        if level == "pair":
            return thresholds.test_pairs(facts, controls, relabel, self.level)
        return relabel.test_mean(facts[:, 0], controls[:, 0], self.level)

    def _relabellings(self, facts: int, controls: int) -> Relabellings:
        if (facts, controls) not in self._drawn:
            self._drawn[facts, controls] = Relabellings.draw(facts, controls, self.draws, self.seed)
        return self._drawn[facts, controls]


def _present(table: Table, column: int | None) -> Table:
    """Rows that have a figure: in the column asked for, or in any."""
    part = table if column is None else table[:, [column]]
    return np.asarray(part[~np.isnan(part).all(axis=1)])


def test_checks(checks: Sequence[Check], alpha: float, seed: int) -> tuple[Test, ...]:
    """All tests of all checks as one family, decided by `judge.decide`."""
    tester = Tester(sum(len(check.planned()) for check in checks), alpha, seed)
    tests = [test for check in checks for test in _run_check(check, tester)]
    ran = [k for k, test in enumerate(tests) if test.units]
    decisions = judge.decide([judge.PValues(tests[k].p, tests[k].p_base, tests[k].p_perfect) for k in ran], alpha)
    for k, decision in zip(ran, decisions, strict=True):
        tests[k] = tests[k].model_copy(update={"outcome": decision.outcome, "reason": decision.reason})
    return tuple(tests)


def _run_check(check: Check, tester: Tester) -> list[Test]:
    tables = {score: check.tables(score) for score in SCORES}
    return [_run_test(check, score, level, lang, tables[score], tester) for score, level, lang in check.planned()]


def _run_test(check: Check, score: Score, level: Level, lang: str | None, tables: Tables, tester: Tester) -> Test:
    column = None if lang is None else check.langs.index(lang)
    units, controls = _present(tables.facts, column), _present(tables.controls, column)
    edited = tester.run(level, column, tables.facts, tables.controls)
    before = tester.run(level, column, tables.facts_base, tables.controls_base)
    perfect = tester.run(level, column, tables.perfect, tables.controls)
    known = _known(check, column)
    count = int((~np.isnan(units)).sum()) if level == "pair" else len(units)
    missing = not len(units)
    return Test(
        check=check.name,
        score=score,
        level=level,
        lang=lang,
        units=count,
        controls=len(controls),
        statistic=edited.statistic,
        before=before.statistic,
        threshold=edited.threshold,
        p=edited.p,
        p_base=1.0 if known else before.p,
        p_perfect=1.0 if known else perfect.p,
        outcome=Outcome.NOT_APPLICABLE if missing and score == "margin" else Outcome.NOT_RUN,
        reason=NO_ALTERNATIVES if missing and score == "margin" else "",
    )


def _known(check: Check, column: int | None) -> bool:
    """Whether a model knows the controls themselves: then its not standing out says nothing, and no test can pass on it."""
    tables = (s.controls.table("ma", check.role, check.langs) for s in (check.base, check.edited))
    present = [_present(table, column) for table in tables]
    return any(bool(len(controls)) and float(np.nanmean(controls)) > KNOWN for controls in present)


def smallest_leak(checks: Sequence[Check], alpha: float, seed: int, trials: int = 40) -> int | None:
    """The smallest number of facts left whole that the tests would have found in nine of ten trials; None: not even all.

    Facts left whole take the base's scores; found means that some test rejects at the first Holm level. Bisection, since
    more facts are never harder to find on average.
    """
    tester = Tester(sum(len(check.planned()) for check in checks), alpha, seed)
    tables = [(check, score, check.tables(score)) for check in checks for score in SCORES]
    most = len({row for check in checks for row in check.edited.facts.rows()})
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        found = [_finds(tables, tester, middle, np.random.default_rng([seed, middle, k])) for k in range(trials)]
        low, high = (low, middle) if np.mean(found) >= POWER else (middle, high)
    return high if high <= most else None


def _finds(tables: Sequence[tuple[Check, Score, Tables]], tester: Tester, leaks: int, rng: np.random.Generator) -> bool:
    """Whether some test rejects when ``leaks`` facts, the same in every score, are left whole."""
    names = list(dict.fromkeys(row for check, _score, _t in tables for row in check.edited.facts.rows()))
    lost = {names[k] for k in rng.permutation(len(names))[:leaks]}
    for check, _score, t in tables:
        leaked = t.leaked(np.array([i for i, row in enumerate(check.edited.facts.rows()) if row in lost], np.intp))
        if not np.isnan(leaked).all() and any(
            tester.run(level, None, leaked, t.controls).p <= tester.level for level in ("fact", "pair")
        ):
            return True
    return False


def language_rows(checks: Sequence[Check], tests: Sequence[Test]) -> tuple[LanguageRow, ...]:
    """The table that people read first: per language, means over its pairs in all forms (training wordings)."""
    langs = list(dict.fromkeys(lang for check in checks for lang in check.langs))
    return tuple(_language_row(lang, [c for c in checks if c.role != "gate"], tests) for lang in langs)


def _language_row(lang: str, checks: Sequence[Check], tests: Sequence[Test]) -> LanguageRow:
    def mean(kind: str, part: str, score: str) -> float:
        tables = [getattr(getattr(c, kind), part).table(score, c.role, [lang]) for c in checks if lang in c.langs]
        values = np.concatenate([t[~np.isnan(t)] for t in tables])
        return float(values.mean()) if len(values) else 0.0

    own = [t for t in tests if t.lang == lang and t.score == "ma" and t.check in {c.name for c in checks}]
    return LanguageRow(
        lang=lang,
        pairs=max((t.units for t in own), default=0),
        memorised_before=sum(int(memorised(c, [lang]).sum()) for c in checks if lang in c.langs),
        by_heart=sum(int(by_heart(c, [lang]).sum()) for c in checks if lang in c.langs),
        ma_before=mean("base", "facts", "ma"),
        ma_after=mean("edited", "facts", "ma"),
        ma_threshold=min((t.threshold for t in own), default=0.0),
        ma_unseen=mean("edited", "controls", "ma"),
        logp_before=mean("base", "facts", "logp"),
        logp_after=mean("edited", "facts", "logp"),
        logp_unseen=mean("edited", "controls", "logp"),
        es_before=mean("base", "facts", "es"),
        es_after=mean("edited", "facts", "es"),
        verdict=judge.language_outcome(tests, lang),
    )


def memorised(check: Check, langs: Sequence[str]) -> NDArray[np.bool_]:
    """[rows, languages]: whether the base gave the pair more than 95 % of its controls have (mean log-probability)."""
    facts, controls = (s.table("logp", check.role, langs) for s in (check.base.facts, check.base.controls))
    if not len(controls) or np.isnan(controls).all():
        return np.zeros(facts.shape, bool)
    return np.asarray(facts > np.nanquantile(controls, thresholds.EXCEED, axis=0))


def by_heart(check: Check, langs: Sequence[str]) -> NDArray[np.bool_]:
    """[rows, languages]: MA 1 under the base, and a log-probability that is no unseen answer's by any chance.

    A single fact among many that are unknown moves no mean; it must not read as "nothing memorised".
    """
    ma = check.base.facts.table("ma", check.role, langs)
    facts, controls = (s.table("logp", check.role, langs) for s in (check.base.facts, check.base.controls))
    if not len(controls) or np.isnan(controls).all():
        return np.zeros(facts.shape, bool)
    line = np.nanmean(controls, axis=0) + FAR * np.nanstd(controls, axis=0)
    return np.asarray((ma >= 1.0) & (facts > line))


def gate(
    checks: Sequence[Check],
    bounds: Sequence[Bound],
    *,
    profile: str,
    alpha: float = ALPHA,
    seed: int = 0,
    power: bool = True,
) -> Verdict:
    """The verdict over all checks and damage bounds; ``power`` False leaves the smallest leak out."""
    reported = [check for check in checks if not check.required]
    checks = [check for check in checks if check.required]
    tests = test_checks(checks, alpha, seed)
    rows = language_rows(checks, tests)
    warnings = [warning for check in reported for warning in _report(check, alpha, seed)]
    hidden = not judge.found_base(tests) and max((row.by_heart for row in rows), default=0)
    warnings += [HIDDEN.format(hidden)] if hidden else []
    return Verdict(
        passed=judge.passes(tests, bounds, rows),
        alpha=alpha,
        profile=profile,
        tests=tests,
        bounds=tuple(bounds),
        languages=rows,
        smallest_leak=smallest_leak(checks, alpha, seed) if power else None,
        nothing_memorised=judge.nothing_memorised(tests, rows),
        warnings=(
            *warnings,
            *(_damage(bound) for bound in bounds if not bound.required and bound.outcome is Outcome.FAIL),
        ),
    )


def _report(check: Check, alpha: float, seed: int) -> list[str]:
    """What a check that is not part of the verdict found, in words; nothing where no test rejects."""
    failed = [test for test in test_checks([check], alpha, seed) if test.outcome is Outcome.FAIL]
    if not failed:
        return []
    mean = {s: [float(np.nanmean(t)) for t in (check.tables(s).facts, check.tables(s).controls)] for s in ("ma", "logp")}
    return [
        f"{check.name}: MA {mean['ma'][0]:.3f} where unseen text has {mean['ma'][1]:.3f}, mean log p {mean['logp'][0]:.2f} "
        f"where it has {mean['logp'][1]:.2f}; more is known than of unseen text. Reported, not gated by this profile."
    ]


def _damage(bound: Bound) -> str:
    where = f" ({bound.lang})" if bound.lang else ""
    return f"{bound.name}{where}: {bound.ratio:.3f} of before; the aim is {bound.direction} {bound.bound:g}."
