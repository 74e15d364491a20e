"""The gate's rule: what fails, what cannot pass, and that figures and stated outcomes must agree."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlforget.measure import judge as rule
from xlforget.measure.judge import PValues, decide, decide_bound, holm, holm_levels, judge, knowledge
from xlforget.measure.verdict import Bound, Knowledge, LanguageRow, Outcome, Test, Verdict

P = st.floats(0, 1)


def row(lang: str = "fr", *, memorised: int = 4, by_heart: int = 0, verdict: Outcome = Outcome.PASS) -> LanguageRow:
    figures = {"ma_before": 0.9, "ma_after": 0.1, "ma_threshold": 0.3, "ma_unseen": 0.1}
    figures |= {"logp_before": -0.4, "logp_after": -8.0, "logp_unseen": -8.1, "es_before": 0.9, "es_after": 0.1}
    return LanguageRow(lang=lang, pairs=4, memorised_before=memorised, by_heart=by_heart, verdict=verdict, **figures)


def check(outcome: Outcome, p: float = 0.5, base: float = 1e-6, perfect: float = 1e-6, **more: Any) -> Test:
    values = {"check": "memorization", "score": "ma", "level": "language", "lang": "fr", "units": 4, "controls": 200}
    values |= {"statistic": 0.1, "before": 0.9, "threshold": 0.3} | more
    return Test(p=p, p_base=base, p_perfect=perfect, outcome=outcome, **values)


def kept(before: float, after: float, outcome: Outcome, *, bound: float = 0.98, required: bool = True) -> Bound:
    ratio = rule.ratio(before, after)
    return Bound(
        check="damage", name="retain MA", lang=None, before=before, after=after, ratio=ratio, bound=bound,
        direction="at least", required=required, outcome=outcome,
    )  # fmt: skip


def verdict(tests: Sequence[Test], bounds: Sequence[Bound] = (), **more: Any) -> Verdict:
    values: dict[str, Any] = {"passed": True, "nothing_memorised": False, "languages": (row(),)} | more
    return Verdict(alpha=0.01, profile="standard", tests=tests, bounds=bounds, smallest_leak=1, **values)


def test_holm_agrees_with_a_worked_example() -> None:
    rejected, adjusted = holm([0.01, 0.04, 0.03, 0.005], 0.05)
    assert rejected == [True, False, False, True]
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(P, max_size=30), st.floats(0.001, 0.2))
def test_holm_rejects_exactly_the_adjusted_p_values_below_alpha(ps: list[float], alpha: float) -> None:
    rejected, adjusted = holm(ps, alpha)
    for said, p in zip(rejected, adjusted, strict=True):
        assert said == (p <= alpha) or abs(p - alpha) < 1e-9


@given(st.lists(P, min_size=1, max_size=12), st.data())
def test_the_level_is_the_largest_p_that_is_rejected(ps: list[float], data: st.DataObject) -> None:
    own = data.draw(st.integers(0, len(ps) - 1))
    level = holm_levels(ps, 0.05)[own]
    at, above = [*ps], [*ps]
    at[own], above[own] = level, min(1.0, level * 1.001)
    assert holm(at, 0.05)[0][own]
    assert not holm(above, 0.05)[0][own]


@pytest.mark.parametrize(
    ("figure", "outcome"),
    [
        (PValues(1e-4, 1e-6, 1e-6), Outcome.FAIL),
        (PValues(0.5, 1e-6, 1e-6), Outcome.PASS),
        (PValues(0.5, 0.6, 1e-6), Outcome.NOT_APPLICABLE),
        (PValues(0.5, 0.09, 0.09), Outcome.NO_SIGNAL),
    ],
)
def test_each_outcome(figure: PValues, outcome: Outcome) -> None:
    assert decide([figure], 0.01)[0].outcome is outcome


def test_a_weak_test_does_not_ride_on_strong_ones() -> None:
    """Alone among ninety-nine forgotten ones, p_base = 0.005 is over 0.01 / 100: it would never be found."""
    family = [PValues(0.5, 1e-9, 1e-9)] * 99 + [PValues(0.5, 0.005, 0.005)]
    assert decide(family, 0.01)[-1].outcome is Outcome.NO_SIGNAL
    assert decide([PValues(0.5, 0.005, 0.005)], 0.01)[0].outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("outcomes", "memorised", "known"),
    [
        ([Outcome.FAIL, Outcome.NOT_APPLICABLE], 4, Knowledge.MEMORISED),
        ([Outcome.FAIL, Outcome.NO_SIGNAL], 4, Knowledge.MEMORISED),
        ([Outcome.NOT_APPLICABLE], 0, Knowledge.NOTHING),
        ([Outcome.NOT_APPLICABLE, Outcome.NO_SIGNAL], 0, Knowledge.UNCERTAIN),
        ([], 4, Knowledge.UNCERTAIN),
    ],
)
def test_what_a_model_knows(outcomes: list[Outcome], memorised: int, known: Knowledge) -> None:
    assert knowledge(verdict([check(one) for one in outcomes], languages=(row(memorised=memorised),))) is known


def test_a_fact_known_by_heart_that_no_test_sees_is_not_nothing() -> None:
    hidden = verdict([check(Outcome.NOT_APPLICABLE)], languages=(row(memorised=1, by_heart=1),))
    assert knowledge(hidden) is Knowledge.UNCERTAIN


@pytest.mark.parametrize(
    ("before", "after", "direction", "outcome"),
    [
        (0.9, 0.89, "at least", Outcome.PASS),
        (0.9, 0.80, "at least", Outcome.FAIL),
        (0.0, 0.0, "at least", Outcome.NOT_APPLICABLE),
        (0.0, 3.0, "at most", Outcome.NO_SIGNAL),
        (10.0, 9.0, "at most", Outcome.PASS),
        (10.0, 10.5, "at most", Outcome.FAIL),
    ],
)
def test_bounds(before: float, after: float, direction: str, outcome: Outcome) -> None:
    assert decide_bound(before, after, 0.98, direction)[0] is outcome


def test_a_true_verdict_is_confirmed() -> None:
    assert judge(verdict([check(Outcome.PASS)], [kept(0.9, 0.9, Outcome.PASS)])) == (True, False, ())


@pytest.mark.parametrize(
    "stated",
    [
        pytest.param(verdict([check(Outcome.PASS, p=1e-5)]), id="leak stated as pass"),
        pytest.param(verdict([check(Outcome.PASS, base=0.4, perfect=0.4)]), id="no signal stated as pass"),
        pytest.param(verdict([check(Outcome.NOT_APPLICABLE, units=0, reason="x")]), id="a missing test excused"),
        pytest.param(verdict([]), id="no test at all"),
        pytest.param(verdict([check(Outcome.NOT_RUN)]), id="not run"),
        pytest.param(verdict([check(Outcome.PASS)], [kept(0.9, 0.5, Outcome.PASS)]), id="damage stated as pass"),
        pytest.param(verdict([check(Outcome.PASS)], [kept(0.9, 0.9, Outcome.NOT_RUN)]), id="damage not run"),
        pytest.param(verdict([check(Outcome.NO_SIGNAL, 0.5, 0.5, 0.5)], nothing_memorised=True), id="nothing, unseen"),
        pytest.param(verdict([], languages=(row(memorised=2),), nothing_memorised=True), id="nothing, but 2 pairs"),
    ],
)
def test_no_untrue_pass(stated: Verdict) -> None:
    judgement = judge(stated)
    assert not judgement.passed
    assert judgement.problems


def test_a_pass_without_positive_control_is_named() -> None:
    stated = verdict([check(Outcome.PASS), check(Outcome.PASS, base=0.4, lang="de")], languages=(row(), row("de")))
    assert "memorization in de: PASS, the figures say NOT APPLICABLE" in judge(stated).problems


def test_what_an_attack_hid_in_the_base_itself_is_no_signal_where_the_base_is_found_without_it() -> None:
    def attacked(**more: Any) -> Test:
        return check(Outcome.NOT_APPLICABLE, base=0.4, check="answer: in 4 bits", score="logp", **more)

    plain = check(Outcome.PASS, check="answer: memorization")
    found = judge(verdict([plain, attacked()]))
    assert not found.passed
    assert found.problems[0] == "answer: in 4 bits in fr: NOT APPLICABLE, the figures say NO SIGNAL"
    elsewhere = [plain, attacked(lang="de")]
    assert judge(verdict(elsewhere, languages=(row(), row("de", verdict=Outcome.NOT_APPLICABLE)))) == (True, False, ())
    other_form = check(Outcome.PASS, check="sentence: memorization")
    assert judge(verdict([other_form, attacked()])).passed


def test_a_language_row_must_say_what_its_tests_say() -> None:
    stated = verdict([check(Outcome.FAIL, p=1e-5)], languages=(row(verdict=Outcome.PASS),), passed=False)
    assert judge(stated).problems == ("language fr: PASS, its tests say otherwise",)


def test_a_warning_does_not_fail_the_model() -> None:
    stated = verdict([check(Outcome.PASS)], [kept(0.9, 0.8, Outcome.FAIL, required=False)])
    assert judge(stated) == (True, False, ())


def test_no_margin_is_excused_with_a_reason_only() -> None:
    missing = check(Outcome.NOT_APPLICABLE, score="margin", units=0, lang=None, reason="no other answers of this type")
    assert judge(verdict([check(Outcome.PASS), missing])).passed
    assert not judge(verdict([check(Outcome.PASS), missing.model_copy(update={"reason": ""})])).passed


def test_nothing_memorised_passes_and_says_so() -> None:
    tests = [check(Outcome.NOT_APPLICABLE, base=0.7)]
    stated = verdict(tests, nothing_memorised=True, languages=(row(memorised=0, verdict=Outcome.NOT_APPLICABLE),))
    assert judge(stated) == (True, True, ())
    assert judge(verdict([], nothing_memorised=True, languages=(row(memorised=0),))).passed
    hidden = verdict(tests, nothing_memorised=True, languages=(row(by_heart=1, verdict=Outcome.NOT_APPLICABLE),))
    assert not judge(hidden).passed
