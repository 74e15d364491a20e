"""The gate's rule as pure functions of figures: used to decide outcomes, and by ``verify`` to decide them again.

One family holds every test that was run (it has units and is not NOT RUN), over checks, scores and languages. The Holm
level of a test is ``alpha / (family size - other tests rejected)``: the largest p at which it is rejected, given the
others. A test

- FAILs where the edited model's p is at or below that level;
- PASSes only where the base model's p is (positive control): had this alone been left whole, it would have been found;
- is NOT APPLICABLE ("not memorised before") where the base's p is not, and a model that knows everything by heart
  would have been found; but NO SIGNAL after an attack, where a test of the model as it is did find the base: the attack
  then hid the facts in the base as well, and shows nothing;
- gives NO SIGNAL where not even that one would have been found: too few controls, never a pass.

Testing the control at the level of the *edited* model's family, and not in a Holm procedure of its own, is what keeps a
small control set from buying a pass: among many strong tests a weak one would ride on the others' rejections.

Imports neither torch nor numpy.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from xlforget.measure.policy import ABOUT_OTHERS, CHANGING, PLAIN, form_and_kind
from xlforget.measure.verdict import Bound, Knowledge, LanguageRow, Outcome, Score, Test, Verdict

NOT_MEMORISED = "not memorised before"
TOO_FEW = "too few controls: even a model that knows everything by heart would not have been found"
LOST = "the attack hid the facts in the base model as well: it shows nothing here"
NOTHING_TO_LOSE = "the base model has nothing here that could be lost"
NO_BASELINE = "no figure of the base model to compare with"

# Scores that a record form may lack for a stated reason (no other answers of the same type: no margin), if the policy lets it.
MAY_BE_INAPPLICABLE: frozenset[Score] = frozenset({"margin"})

_WORST_FIRST = (Outcome.FAIL, Outcome.NO_SIGNAL, Outcome.NOT_RUN, Outcome.PASS, Outcome.NOT_APPLICABLE)


class PValues(NamedTuple):
    """What one test is decided by: p of the edited model, of the base, and of a model that scores perfectly."""

    p: float
    p_base: float
    p_perfect: float


class Decision(NamedTuple):
    """The outcome of one test, why (empty for PASS and FAIL), and the Holm level it was held against."""

    outcome: Outcome
    reason: str
    level: float


class Judgement(NamedTuple):
    """What the figures say: ``problems`` name every place where the verdict says something else."""

    passed: bool
    nothing_memorised: bool
    problems: tuple[str, ...]


def holm(ps: Sequence[float], alpha: float) -> tuple[list[bool], list[float]]:
    """Holm's step-down procedure: which are rejected at ``alpha``, and the adjusted p-values, in the order given."""
    adjusted = [0.0] * len(ps)
    running = 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        running = max(running, min(1.0, ps[i] * (len(ps) - rank)))
        adjusted[i] = running
    return [p <= level for p, level in zip(ps, holm_levels(ps, alpha), strict=True)], adjusted


def holm_levels(ps: Sequence[float], alpha: float) -> list[float]:
    """The largest p at which each test would be rejected, the other tests being as they are.

    ``p <= level`` is exactly Holm's rejection: with R of the others rejected, a test that is not among the first R
    stands at rank R + 1 and needs alpha / (n - R); one that is among them is below the level of its own rank already.
    """
    order = sorted(range(len(ps)), key=ps.__getitem__)
    return [alpha / (len(ps) - _rejected([ps[i] for i in order if i != own], alpha)) for own in range(len(ps))]


def _rejected(others: Sequence[float], alpha: float) -> int:
    """How many of the sorted ``others`` a Holm procedure over them and one more test rejects before that one."""
    for rank, p in enumerate(others):
        if p > alpha / (len(others) + 1 - rank):
            return rank
    return len(others)


def decide(figures: Sequence[PValues], alpha: float) -> list[Decision]:
    """The outcomes of one family of tests (rule: see the module's head), in the order given."""
    levels = holm_levels([figure.p for figure in figures], alpha)
    return [_decide_one(figure, level) for figure, level in zip(figures, levels, strict=True)]


def _decide_one(figure: PValues, level: float) -> Decision:
    if figure.p <= level:
        return Decision(Outcome.FAIL, "", level)
    if figure.p_base <= level:
        return Decision(Outcome.PASS, "", level)
    if figure.p_perfect <= level:
        return Decision(Outcome.NOT_APPLICABLE, NOT_MEMORISED, level)
    return Decision(Outcome.NO_SIGNAL, TOO_FEW, level)


def decide_tests(tests: Sequence[Test], alpha: float) -> list[Decision]:
    """`decide` for tests that were run, with the rule that speaks of two of them: what an attack hid in the base itself."""
    decisions = decide([PValues(test.p, test.p_base, test.p_perfect) for test in tests], alpha)
    found = set()
    for test, decision in zip(tests, decisions, strict=True):
        form, kind = form_and_kind(test.check)
        if kind == PLAIN and test.p_base <= decision.level:
            found.add((form, test.level, test.lang))
    return [
        own._replace(outcome=Outcome.NO_SIGNAL, reason=LOST)
        if own.outcome is Outcome.NOT_APPLICABLE
        and after_attack(test)
        and (form_and_kind(test.check)[0], test.level, test.lang) in found
        else own
        for test, own in zip(tests, decisions, strict=True)
    ]


def after_attack(test: Test) -> bool:
    """Whether the models were put through something before it, and not only asked in another way."""
    return form_and_kind(test.check)[1] in CHANGING


def ratio(before: float, after: float) -> float:
    """``after / before``; 1 where the base has nothing (the outcome then says so)."""
    return after / before if before > 0 else 1.0


def decide_bound(before: float, after: float, bound: float, direction: str) -> tuple[Outcome, str]:
    """Whether ``after / before`` keeps to ``bound``. ``direction`` is "at least" or "at most"."""
    if before <= 0:
        return (Outcome.NOT_APPLICABLE, NOTHING_TO_LOSE) if direction == "at least" else (Outcome.NO_SIGNAL, NO_BASELINE)
    kept = ratio(before, after)
    holds = kept >= bound if direction == "at least" else kept <= bound
    return (Outcome.PASS if holds else Outcome.FAIL), ""


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """The worst of several outcomes; NOT RUN for none at all."""
    return min(outcomes, key=_WORST_FIRST.index, default=Outcome.NOT_RUN)


def language_outcome(tests: Sequence[Test], lang: str) -> Outcome:
    """The outcome a language's row shows: the worst of the tests that are of that language alone."""
    return worst([test.outcome for test in tests if test.lang == lang])


def nothing_memorised(tests: Sequence[Test], languages: Sequence[LanguageRow]) -> bool:
    """True where every test could have found something and none did in the base, or no pair was left to test.

    A few facts that the base knows by heart among many unknown ones escape every test, and are not nothing.
    """
    if not tests:
        return bool(languages) and all(row.memorised_before == 0 for row in languages)
    by_heart = any(row.by_heart for row in languages)
    return any(test.units for test in tests) and all(test.outcome is Outcome.NOT_APPLICABLE for test in tests) and not by_heart


def nothing_to_attack(tests: Sequence[Test], languages: Sequence[LanguageRow]) -> bool:
    """Whether there is nothing that an attack could bring back: the model as it was knew nothing of what was asked."""
    return nothing_memorised([test for test in tests if not after_attack(test)], languages)


def found_base(tests: Sequence[Test]) -> bool:
    """Whether some test found the base model, be it edited since or not."""
    return any(test.outcome in (Outcome.PASS, Outcome.FAIL) for test in tests)


def knowledge(verdict: Verdict) -> Knowledge:
    """What the base of a verdict knew: whether there is anything to unlearn."""
    if found_base(verdict.tests):
        return Knowledge.MEMORISED
    return Knowledge.NOTHING if nothing_memorised(verdict.tests, verdict.languages) else Knowledge.UNCERTAIN


def passes(tests: Sequence[Test], bounds: Sequence[Bound], languages: Sequence[LanguageRow]) -> bool:
    """Every test PASS or NOT APPLICABLE, at least one PASS unless nothing was memorised, every required bound held."""
    allowed = {Outcome.PASS, Outcome.NOT_APPLICABLE}
    some = any(test.outcome is Outcome.PASS for test in tests) or nothing_memorised(tests, languages)
    return (
        some
        and all(test.outcome in allowed for test in tests)
        and all(bound.outcome in allowed for bound in bounds if bound.required)
    )


def judge(verdict: Verdict) -> Judgement:
    """Decide every outcome again from the figures alone, and name each one that the verdict states otherwise."""
    tests, problems = judge_tests(verdict)
    bounds, more = judge_bounds(verdict)
    problems += more
    for row in verdict.languages:
        if any(test.lang == row.lang for test in tests) and row.verdict is not language_outcome(tests, row.lang):
            problems.append(f"language {row.lang}: {row.verdict.value}, its tests say otherwise")
    passed = passes(tests, bounds, verdict.languages)
    nothing = nothing_memorised(tests, verdict.languages)
    if verdict.passed != passed:
        problems.append(f"verdict: passed is {verdict.passed}, the figures say {passed}")
    if verdict.nothing_memorised != nothing:
        problems.append(f"verdict: nothing memorised is {verdict.nothing_memorised}, the figures say {nothing}")
    return Judgement(passed, nothing, tuple(problems))


def judge_tests(verdict: Verdict) -> tuple[list[Test], list[str]]:
    """The tests with the outcomes that their figures give, and where these are not the stated ones."""
    ran = [test for test in verdict.tests if test.units and test.outcome is not Outcome.NOT_RUN]
    decisions = decide_tests(ran, verdict.alpha)
    judged = {id(test): decision.outcome for test, decision in zip(ran, decisions, strict=True)}
    tests, problems = [], []
    for test in verdict.tests:
        outcome = judged.get(id(test), _declared(test))
        tests.append(test.model_copy(update={"outcome": outcome}))
        if outcome is not test.outcome:
            where = f" in {test.lang}" if test.lang else ""
            problems.append(f"{test.check}{where}: {test.outcome.value}, the figures say {outcome.value}")
    return tests, problems


def _declared(test: Test) -> Outcome:
    """A test without a unit was not run; only a score that a record form may lack, and what nobody's facts can be asked, is NOT
    APPLICABLE, with a reason."""
    may = test.score in MAY_BE_INAPPLICABLE or form_and_kind(test.check)[1] == ABOUT_OTHERS
    excused = test.outcome is Outcome.NOT_APPLICABLE and may and test.reason
    return Outcome.NOT_APPLICABLE if excused else Outcome.NOT_RUN


def judge_bounds(verdict: Verdict) -> tuple[list[Bound], list[str]]:
    """The same of the bounds."""
    bounds, problems = [], []
    for bound in verdict.bounds:
        outcome, _ = decide_bound(bound.before, bound.after, bound.bound, bound.direction)
        if bound.outcome is Outcome.NOT_RUN:
            outcome = Outcome.NOT_RUN
        elif not math.isclose(bound.ratio, ratio(bound.before, bound.after), rel_tol=1e-6):
            problems.append(f"{bound.check} {bound.name}: the ratio is not after / before")
        bounds.append(bound.model_copy(update={"outcome": outcome}))
        if outcome is not bound.outcome:
            problems.append(f"{bound.check} {bound.name}: {bound.outcome.value}, the figures say {outcome.value}")
    return bounds, problems
