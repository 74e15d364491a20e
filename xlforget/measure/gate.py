"""The gate: every test of every check, language, fact and pair, on the edited model and, as positive control, on the base.

A check is one form of fact under one set of wordings. Tests compare a model's scores on the facts with the *same* model's
scores on controls of the same form, so that a model that saw neither passes whatever its level is.
"""

from collections.abc import Sequence

import numpy as np

from xlforget.measure import judge
from xlforget.measure.check import Check, Tables, by_heart, knows_controls, memorised, required
from xlforget.measure.likeliest import likeliest
from xlforget.measure.planned import Planned
from xlforget.measure.policy import Policy
from xlforget.measure.power import smallest_leak
from xlforget.measure.tester import Tester
from xlforget.measure.thresholds import EXCEED
from xlforget.measure.verdict import MADE, Bound, LanguageRow, Outcome, Test, Verdict

FAR_OUT = "few stand out, but further than unseen text does"
ALONE = "Of a fact that is the only one of its form the log-probability decides: MA and margin of single answers say too little."
HIDDEN = (
    "Up to {} facts are known by heart in one language, too few among the others for a test to see. Ask for them in a "
    "request of their own."
)


def test_checks(checks: Sequence[Check], alpha: float, seed: int) -> tuple[Test, ...]:
    """All tests of all checks as one family, decided by `judge.decide_tests`."""
    tester = Tester(sum(len(check.planned()) for check in checks), alpha, seed)
    tests = [test for check in checks for test in _run_check(check, tester)]
    broken = {check.name: check.broken for check in checks if check.broken}
    ran = [k for k, test in enumerate(tests) if test.units]
    decisions = judge.decide_tests([tests[k] for k in ran], alpha)
    for k, decision in zip(ran, decisions, strict=True):
        reason = _reason(tests[k], decision, broken.get(tests[k].check, ""))
        tests[k] = tests[k].model_copy(update={"outcome": decision.outcome, "reason": reason})
    return tuple(tests)


def _reason(test: Test, decision: judge.Decision, broken: str) -> str:
    """Why a test ended as it did. ``broken``: why nothing could be found after its attack."""
    if decision.outcome is Outcome.NO_SIGNAL and broken:
        return broken
    alone = decision.outcome is Outcome.FAIL and test.level != "language" and test.statistic < test.threshold
    return FAR_OUT if alone else decision.reason


def _run_check(check: Check, tester: Tester) -> list[Test]:
    tables = {score: check.tables(score) for score in dict.fromkeys(("ma", *(plan.score for plan in check.planned())))}
    return [_run_test(check, plan, tables[plan.score], tables["ma"], tester) for plan in check.planned()]


def _run_test(check: Check, plan: Planned, tables: Tables, ma: Tables, tester: Tester) -> Test:
    score, level, lang = plan
    column = None if lang is None else check.langs.index(lang)
    units, controls = tables.facts.present(column).table, tables.controls.present(column).table
    edited = tester.run(level, column, tables.facts, tables.controls, fine=tables.fine)
    before = tester.run(level, column, tables.facts_base, tables.controls_base, fine=tables.fine)
    perfect = tester.run(level, column, tables.perfect, tables.controls, fine=tables.fine)
    blind = bool(check.broken) or knows_controls(ma, column)
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
        p_base=1.0 if blind else before.p,
        p_perfect=1.0 if blind else perfect.p,
        outcome=Outcome.NOT_APPLICABLE if missing and score in check.may_lack else Outcome.NOT_RUN,
        reason=check.lacks if missing and score in check.may_lack else "",
    )


def language_rows(checks: Sequence[Check], tests: Sequence[Test]) -> tuple[LanguageRow, ...]:
    """The table that people read first: per language, means over its pairs in all forms (training wordings, no attack)."""
    langs = list(dict.fromkeys(lang for check in checks for lang in check.langs))
    return tuple(_language_row(lang, [c for c in checks if c.plain], tests) for lang in langs)


def _language_row(lang: str, checks: Sequence[Check], tests: Sequence[Test]) -> LanguageRow:
    def mean(kind: str, part: str, score: str) -> float:
        tables = [getattr(getattr(c, kind), part).table(score, c.role, [lang]) for c in checks if lang in c.langs]
        values = np.concatenate([np.empty(0), *(t[~np.isnan(t)] for t in tables)])
        return float(values.mean()) if len(values) else 0.0

    own = [t for t in tests if t.lang == lang and t.check in {c.name for c in checks}]
    unseen = np.concatenate(
        [np.empty(0), *(c.tables("ma").controls.table[:, c.langs.index(lang)] for c in checks if lang in c.langs)]
    )
    usual = float(np.nanquantile(unseen, EXCEED)) if np.isfinite(unseen).any() else 0.0
    return LanguageRow(
        lang=lang,
        pairs=max((t.units for t in own), default=0),
        memorised_before=sum(int(memorised(c, [lang]).sum()) for c in checks if lang in c.langs),
        by_heart=sum(int(by_heart(c, [lang]).sum()) for c in checks if lang in c.langs),
        ma_before=mean("base", "facts", "ma"),
        ma_after=mean("edited", "facts", "ma"),
        ma_threshold=min((t.threshold for t in own if t.score == "ma"), default=usual),
        ma_unseen=mean("edited", "controls", "ma"),
        logp_before=mean("base", "facts", "logp"),
        logp_after=mean("edited", "facts", "logp"),
        logp_unseen=mean("edited", "controls", "logp"),
        es_before=mean("base", "facts", "es"),
        es_after=mean("edited", "facts", "es"),
        said_before=mean("base", "facts", "said"),
        said_after=mean("edited", "facts", "said"),
        said_unseen=mean("edited", "controls", "said"),
        verdict=judge.language_outcome(tests, lang),
    )


def gate(
    checks: Sequence[Check],
    bounds: Sequence[Bound],
    policy: Policy,
    *,
    profile: str,
    alpha: float | None = None,
    seed: int = 0,
    power: bool = True,
) -> Verdict:
    """The verdict over all checks and damage bounds; ``power`` False leaves the smallest leak out.

    ``alpha``: another error level than the policy's, for what is judged beside it.
    """
    alpha = alpha or policy.alpha
    reported = [check for check in checks if not check.required]
    checks = required(checks)
    tests = test_checks(checks, alpha, seed)
    rows = language_rows(checks, tests)
    if judge.nothing_to_attack(tests, rows):
        tests = tuple(test for test in tests if test.units or not judge.after_attack(test))
        rows = language_rows(checks, tests)
    warnings = [warning for check in reported for warning in _report(check, alpha, seed)]
    warnings += [ALONE] if any(check.alone for check in checks if check.attack is None) else []
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
        warnings=(*warnings, *_damage([bound for bound in bounds if not bound.required and bound.outcome is Outcome.FAIL])),
        policy=policy.judged_by,
        likeliest=likeliest(checks),
    )


def _report(check: Check, alpha: float, seed: int) -> list[str]:
    """What a check that is not part of the verdict found, in words; nothing where no test rejects."""
    if check.broken:
        return [f"{check.name}: {check.broken}. Reported, not gated by this policy."]
    failed = [test for test in test_checks([check], alpha, seed) if test.outcome is Outcome.FAIL]
    if not failed:
        return []
    mean = {
        s: [float(np.nanmean(t)) for t in (check.tables(s).facts.table, check.tables(s).controls.table)] for s in ("ma", "logp")
    }
    return [
        f"{check.name}: MA {mean['ma'][0]:.3f} where unseen text has {mean['ma'][1]:.3f}, mean log p {mean['logp'][0]:.2f} "
        f"where it has {mean['logp'][1]:.2f}; more is known than of unseen text. Reported, not gated by this policy."
    ]


def _damage(missed: Sequence[Bound]) -> list[str]:
    """A sentence for each figure, with all languages in which its aim is missed."""
    found: dict[tuple[str, str, float], list[str]] = {}
    for bound in missed:
        where = {None: "", MADE: " of its own samples"}.get(bound.lang, f" in {bound.lang}")
        found.setdefault((bound.name, bound.direction, bound.bound), []).append(f"{bound.ratio:.3f}{where}")
    return [
        f"{name}: of before {', '.join(own)}; the aim is {direction} {aim:g}." for (name, direction, aim), own in found.items()
    ]
