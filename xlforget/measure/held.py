"""Figures that were judged by one policy, held to another: what it requires and was not measured is NOT RUN."""

from collections.abc import Collection, Iterator

from xlforget.measure.judge import MAY_BE_INAPPLICABLE, judge_bounds, judge_tests, nothing_to_attack, passes
from xlforget.measure.planned import Planned, planned
from xlforget.measure.policy import ABOUT_OTHERS, ATTACKED, CHANGING, KINDS, Kind, Limit, Policy, check_name, form_and_kind
from xlforget.measure.profiles import profile
from xlforget.measure.verdict import Bound, Outcome, Test, Verdict

DAMAGE = "damage"
NO_TEXT = "there is no text to measure it on, or too little"
NOT_MEASURED = "not among the tests that were run"


def hold(verdict: Verdict, policy: Policy, forms: Collection[str] = ()) -> Verdict:
    """What ``policy`` says of the same figures. Bounds that are no damage (tickets) stay as they are.

    ``forms``: of the request's facts, where that is known: one that the figures do not speak of was not tested.
    """
    held = verdict.model_copy(
        update={
            "alpha": policy.alpha,
            "policy": policy.judged_by,
            "tests": tuple(_tests(verdict, policy, forms)),
            "bounds": tuple(_bounds(verdict, policy)),
        }
    )
    tests, bounds = tuple(judge_tests(held)[0]), tuple(judge_bounds(held)[0])
    passed = passes(tests, bounds, verdict.languages)
    return held.model_copy(update={"tests": tests, "bounds": bounds, "passed": passed})


def _tests(verdict: Verdict, policy: Policy, forms: Collection[str]) -> Iterator[Test]:
    """The tests that decide by ``policy``, and one NOT RUN for each check that it requires and that has none."""
    for test in verdict.tests:
        form, kind = form_and_kind(test.check)
        if kind is None:
            yield test
        elif form in policy.tested(kind).required:
            excused = test.outcome is Outcome.NOT_APPLICABLE and test.score in MAY_BE_INAPPLICABLE and not test.units
            yield test if not excused or test.score in policy.tested(kind).may_lack else _not_run(test.check, test)
    yield from (_not_run(check, verdict.tests[0], plan) for check, plan in missing(verdict, policy, forms))


def missing(verdict: Verdict, policy: Policy, forms: Collection[str] = ()) -> tuple[tuple[str, Planned], ...]:
    """The tests that ``policy`` requires of these figures, their profile being what it is, and that are not there; one for a
    check that has none at all.

    Where nothing was memorised there is nothing for an attack to bring back, and none is made.
    """
    had = {(test.check, Planned(test.score, test.level, test.lang)) for test in verdict.tests}
    spoken = {*forms, *(form for form, kind in (form_and_kind(check) for check, _ in had) if kind)} if had else set()
    spared = CHANGING if nothing_to_attack(verdict.tests, verdict.languages) else frozenset()
    attacks = profile(verdict.profile).attacks

    def wanted(form: str, kind: Kind) -> bool:
        made = kind in attacks and form in policy.tested(kind).required
        return kind not in spared and (made or policy.demands(form, kind))

    found: list[tuple[str, Planned]] = []
    for form, kind in ((form, kind) for form in sorted(spoken) for kind in KINDS if wanted(form, kind)):
        whole = [(check_name(form, kind), plan) for plan in _planned(verdict, form, kind)]
        absent = [test for test in whole if test not in had]
        found += absent if len(absent) < len(whole) else absent[:1]
    return tuple(found)


def _planned(verdict: Verdict, form: str, kind: Kind) -> list[Planned]:
    """The tests of a check of as many facts as those of its form in this verdict."""
    tests = [t for t in verdict.tests if t.level != "pair"]
    own = [t.units for t in tests if t.check == check_name(form, kind)]
    facts = max(own or (t.units for t in tests if form_and_kind(t.check)[0] == form), default=0)
    asked = dict.fromkeys(t.lang for t in verdict.tests if t.lang and t.check == check_name(form, kind))
    # About others some of the facts are asked for, which may stand in some of the languages.
    langs = tuple(asked) if asked and kind == ABOUT_OTHERS else _langs(verdict, form)
    return planned(langs, facts=facts, attacked=kind in ATTACKED)


def _langs(verdict: Verdict, form: str) -> tuple[str, ...]:
    """The languages of a form: those of its tests, and every language of the report that no test speaks of."""
    own = {test.lang for test in verdict.tests if form_and_kind(test.check)[0] == form}
    told = {test.lang for test in verdict.tests}
    return tuple(row.lang for row in verdict.languages if row.lang in own or row.lang not in told or own <= {None})


def _not_run(check: str, like: Test, plan: Planned | None = None) -> Test:
    """A test that has no figures."""
    figures = dict.fromkeys(("statistic", "before", "threshold"), 0.0) | dict.fromkeys(("p", "p_base", "p_perfect"), 1.0)
    said = {"check": check, "units": 0, "controls": 0, "outcome": Outcome.NOT_RUN, "reason": NOT_MEASURED}
    return like.model_copy(update=figures | said | (plan._asdict() if plan else {}))


def _bounds(verdict: Verdict, policy: Policy) -> Iterator[Bound]:
    """Damage by the policy's bounds; what it bounds nowhere does not decide."""
    limits: dict[tuple[str, str], Limit] = {(limit.figure, limit.scope): limit for limit in policy.limits()}
    held = [
        _held(bound, limits.get((bound.name, "language" if bound.lang else "mean"))) if bound.check == DAMAGE else bound
        for bound in verdict.bounds
    ]
    yield from held
    had = {(bound.name, bound.lang) for bound in held if bound.check == DAMAGE and bound.required}
    for limit in limits.values():
        langs = [None] if limit.scope == "mean" else [row.lang for row in verdict.languages]
        yield from (unmeasured(limit, lang) for lang in langs if limit.demand == "always" and (limit.figure, lang) not in had)


def _held(bound: Bound, limit: Limit | None) -> Bound:
    """One figure by the bound that it has now. Where nobody counted the texts, they are not taken for too few."""
    if limit is None:
        return bound.model_copy(update={"required": False})
    texts = limit.least_texts if bound.texts is None else bound.texts
    decides = limit.demand == "always" if bound.outcome is Outcome.NOT_RUN else limit.decides(texts)
    return bound.model_copy(update={"bound": limit.bound, "required": decides})


def unmeasured(limit: Limit, lang: str | None) -> Bound:
    """A bound that is required, and that there was nothing to measure on."""
    return Bound(
        check=DAMAGE, name=limit.figure, lang=lang, before=0.0, after=0.0, ratio=1.0, bound=limit.bound,
        direction=limit.direction, required=True, outcome=Outcome.NOT_RUN, reason=NO_TEXT,
    )  # fmt: skip
