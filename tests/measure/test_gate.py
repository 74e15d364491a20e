"""The gate on models made of figures: who passes, who fails, and what buys no pass."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.measure.check import Check, Sheets, memorised
from xlforget.measure.gate import gate
from xlforget.measure.judge import judge
from xlforget.measure.policy import default
from xlforget.measure.power import smallest_leak
from xlforget.measure.scores import ProbeScores, Sheet
from xlforget.measure.tester import Tester
from xlforget.measure.thresholds import Rows, Tested
from xlforget.measure.verdict import Outcome, Verdict

LANGS, POLICY = ("en", "fr"), default()
KNOWN, UNKNOWN = 0.95, 0.12
TEXT = Encoded((0, 1), (1,))


def figures(rng: np.random.Generator, ma: float, margin: bool) -> ProbeScores:
    """One pair of a model that knows ``ma`` of its answer."""
    own = float(np.clip(rng.normal(ma, 0.04), 0, 1))
    logp = -10.5 * (1 - ma) - float(rng.gamma(2.0, 0.3))
    return ProbeScores(own, logp, 12 * (ma - UNKNOWN) + float(rng.normal()) if margin else float("nan"), 0.0)


def sheet(kind: str, levels: Sequence[float], seed: int, margin: bool = True) -> Sheet:
    """A row for each of ``levels``, in both languages."""
    rng = np.random.default_rng([seed, len(kind)])
    probes = [Probe(f"{kind}{k}", lang, 0, "all", TEXT) for k in range(len(levels)) for lang in LANGS]
    return Sheet(probes, [figures(rng, levels[k // len(LANGS)], margin) for k in range(len(probes))])


def model(facts: Sequence[float], controls: Sequence[float], seed: int, margin: bool = True) -> Sheets:
    return Sheets(sheet("f", facts, seed, margin), sheet("control", controls, seed, margin))


def check(base: Sheets, edited: Sheets, *, required: bool = True) -> Check:
    return Check("answer: memorization", "train", LANGS, base, edited, required)


def verdict(*checks: Check, power: bool = False) -> Verdict:
    found = gate(checks, (), POLICY, profile="standard", power=power)
    judged = judge(found)
    assert judged.problems == ()
    assert (judged.passed, judged.nothing_memorised) == (found.passed, found.nothing_memorised)
    return found


FACTS, CONTROLS = [UNKNOWN] * 12, [UNKNOWN] * 90
BASE = model([KNOWN] * 12, CONTROLS, 1)
GOLD = model(FACTS, CONTROLS, 2)


def outcomes(found: Verdict) -> set[Outcome]:
    return {test.outcome for test in found.tests}


def test_a_model_that_never_saw_the_facts_passes() -> None:
    found = verdict(check(BASE, GOLD))
    assert found.passed
    assert outcomes(found) == {Outcome.PASS}
    assert [row.verdict for row in found.languages] == [Outcome.PASS] * 2
    assert [row.memorised_before for row in found.languages] == [12, 12]
    assert found.languages[0].ma_before > 0.8 > found.languages[0].ma_threshold > found.languages[0].ma_after


def test_the_base_fails_against_itself() -> None:
    found = verdict(check(BASE, BASE))
    assert not found.passed
    assert outcomes(found) == {Outcome.FAIL}


def test_a_leak_in_one_language_fails_that_language() -> None:
    halves = [[(old if probe.lang == "fr" else new) for probe, old, new in zip(a.probes, a.scores, b.scores, strict=True)]
              for a, b in ((BASE.facts, GOLD.facts),)]  # fmt: skip
    leaky = Sheets(Sheet(GOLD.facts.probes, halves[0]), GOLD.controls)
    found = verdict(check(BASE, leaky))
    assert not found.passed
    assert {row.lang: row.verdict for row in found.languages} == {"en": Outcome.PASS, "fr": Outcome.FAIL}


def test_too_few_controls_are_no_signal_and_never_a_pass() -> None:
    few = [UNKNOWN] * 3
    found = verdict(check(model([KNOWN] * 3, few, 1), model(few, few, 2)))
    assert not found.passed
    assert not found.nothing_memorised
    assert outcomes(found) == {Outcome.NO_SIGNAL}


def test_without_controls_nothing_passes() -> None:
    assert not verdict(check(model([KNOWN] * 12, [], 1), model(FACTS, [], 2))).passed


def test_controls_that_the_model_knows_as_well_buy_no_pass() -> None:
    base = model([KNOWN] * 12, [KNOWN] * 90, 1)
    assert not verdict(check(base, base)).passed


def test_where_nothing_was_memorised_the_verdict_says_so() -> None:
    found = verdict(check(model(FACTS, CONTROLS, 3), GOLD))
    assert found.nothing_memorised
    assert outcomes(found) == {Outcome.NOT_APPLICABLE}


def test_a_fact_known_by_heart_among_many_unknown_ones_is_found() -> None:
    padded = model([1.2, *[UNKNOWN] * 40], CONTROLS, 3)
    found = verdict(check(padded, padded))
    failed = [test for test in found.tests if test.outcome is Outcome.FAIL]
    assert {(test.level, test.reason) for test in failed} == {
        ("fact", "few stand out, but further than unseen text does"),
        ("pair", "few stand out, but further than unseen text does"),
    }
    assert verdict(check(padded, model([UNKNOWN] * 41, CONTROLS, 4))).passed


def alone(known: float, controls: int = 90) -> Check:
    return check(model([KNOWN], [UNKNOWN] * controls, 1), model([known], [UNKNOWN] * controls, 2))


def test_one_fact_alone_is_judged_by_its_log_probability_in_every_language() -> None:
    found = verdict(alone(UNKNOWN), power=True)
    assert found.passed
    assert [(test.score, test.level, test.lang) for test in found.tests] == [
        ("logp", "language", "en"), ("logp", "language", "fr"), ("logp", "fact", None),
    ]  # fmt: skip
    assert [(row.pairs, row.memorised_before, row.verdict) for row in found.languages] == [(1, 1, Outcome.PASS)] * 2
    assert all(row.ma_unseen < row.ma_threshold < row.ma_before for row in found.languages)
    assert found.smallest_leak == 1
    assert any("log-probability decides" in warning for warning in found.warnings)
    left = verdict(alone(KNOWN))
    assert not left.passed
    assert outcomes(left) == {Outcome.FAIL}


def test_one_fact_alone_in_one_language_is_one_test() -> None:
    one = replace(alone(UNKNOWN), langs=LANGS[:1])
    found = verdict(replace(one, base=one_language(one.base), edited=one_language(one.edited)), power=True)
    assert [(test.level, test.outcome) for test in found.tests] == [("language", Outcome.PASS)]
    assert found.smallest_leak == 1


def test_a_handful_of_controls_says_nothing_of_one_fact_alone() -> None:
    found = verdict(alone(UNKNOWN, controls=5))
    assert outcomes(found) == {Outcome.NO_SIGNAL}
    assert not found.passed


def test_with_few_controls_a_fact_known_by_heart_is_not_found_and_not_nothing_either() -> None:
    padded = model([1.2, *[UNKNOWN] * 40], [UNKNOWN] * 3, 3)
    found = verdict(check(padded, padded))
    assert outcomes(found) == {Outcome.NOT_APPLICABLE}
    assert [row.by_heart for row in found.languages] == [1, 1]
    assert not found.nothing_memorised
    assert not found.passed
    assert any("known by heart" in warning for warning in found.warnings)


def test_controls_that_the_edited_model_knows_buy_no_pass_though_the_base_is_said_not_to_know_them() -> None:
    known = [KNOWN] * 12
    found = verdict(check(BASE, model(known, [KNOWN] * 90, 2)))
    assert outcomes(found) == {Outcome.NO_SIGNAL}


def test_where_everything_scores_0_a_model_that_knew_the_facts_would_still_be_found() -> None:
    nothing = Sheets(*(Sheet(s.probes, [ProbeScores(0.0, -9.0, 0.0, 0.0)] * len(s.probes)) for s in (GOLD.facts, GOLD.controls)))
    found = verdict(check(nothing, nothing))
    assert {t.outcome for t in found.tests if t.score == "ma"} == {Outcome.NOT_APPLICABLE}


def test_the_smallest_leak_counts_facts_over_all_forms() -> None:
    little = 2 * UNKNOWN  # a fact that is known by heart is found alone
    one, other = (
        Check(name, "train", LANGS, model([little] * 20, CONTROLS, 1), model([UNKNOWN] * 20, CONTROLS, 2)) for name in ("a", "b")
    )
    base, edited = (Sheets(_renamed(s.facts), s.controls) for s in (other.base, other.edited))
    both = smallest_leak([one, Check("b", "train", LANGS, base, edited)], 0.01, 0, trials=20)
    alone = smallest_leak([one], 0.01, 0, trials=20)
    assert both is not None
    assert alone is not None
    assert both > alone


def _renamed(own: Sheet) -> Sheet:
    return Sheet([replace(probe, row=f"other {probe.row}") for probe in own.probes], own.scores)


def test_without_other_answers_the_margin_is_not_applicable_and_the_rest_decides() -> None:
    found = verdict(check(model([KNOWN] * 12, CONTROLS, 1, False), model(FACTS, CONTROLS, 2, False)))
    assert found.passed
    assert {t.outcome for t in found.tests if t.score == "margin"} == {Outcome.NOT_APPLICABLE}
    assert {t.outcome for t in found.tests if t.score != "margin"} == {Outcome.PASS}


def test_a_check_that_is_not_required_warns_and_lets_pass() -> None:
    found = verdict(check(BASE, GOLD), check(BASE, BASE, required=False))
    assert found.passed
    assert len(found.warnings) == 1
    assert "not gated" in found.warnings[0]


def test_a_pass_is_kept_over_seeds_of_an_unknowing_model() -> None:
    """The whole family rejects a model that saw neither in about one run of a hundred."""
    failed = sum(Outcome.FAIL in outcomes(verdict(check(BASE, model(FACTS, CONTROLS, seed)))) for seed in range(100, 108))
    assert failed == 0


def test_the_smallest_leak_is_a_number_of_facts_and_more_controls_make_it_no_larger() -> None:
    few = [UNKNOWN] * 40
    small = smallest_leak([check(model([KNOWN] * 12, few, 1), model(FACTS, few, 2))], 0.01, 0, trials=8)
    large = smallest_leak([check(BASE, GOLD)], 0.01, 0, trials=8)
    assert isinstance(large, int)
    assert 1 <= large <= 12
    assert small is None or small >= large


def test_where_not_even_all_facts_left_whole_would_be_found_there_is_no_smallest_leak() -> None:
    few = [UNKNOWN] * 3
    assert smallest_leak([check(model([KNOWN] * 3, few, 1), model(few, few, 2))], 0.01, 0, trials=4) is None


def test_a_pair_counts_as_memorised_above_what_unseen_text_has() -> None:
    known = memorised(check(model([KNOWN] * 4 + [UNKNOWN] * 4, CONTROLS, 1), GOLD), LANGS)
    assert known[:4].all()
    assert known[4:].sum() <= 2


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_gives_the_same_verdict(seed: int) -> None:
    one, two = (gate([check(BASE, GOLD)], (), POLICY, profile="standard", seed=seed, power=False) for _ in range(2))
    assert one == two


def one_language(sheets: Sheets) -> Sheets:
    """The first language alone, where a few controls have an answer of one token that they happen to get right."""

    def kept(own: Sheet, lucky: int) -> Sheet:
        pairs = [(p, s) for p, s in zip(own.probes, own.scores, strict=True) if p.lang == LANGS[0]]
        scores = [replace(s, ma=1.0) if k < lucky else s for k, (_, s) in enumerate(pairs)]
        return Sheet([p for p, _ in pairs], scores)

    return Sheets(kept(sheets.facts, 0), kept(sheets.controls, 8))


def test_in_one_language_unseen_answers_that_reach_ma_1_leave_no_test_without_signal() -> None:
    base, gold = one_language(BASE), one_language(GOLD)
    own = replace(check(base, gold), langs=LANGS[:1])
    assert verdict(own).passed
    assert not verdict(replace(own, edited=base)).passed


def test_the_smallest_leak_is_what_tests_of_the_gate_find_and_no_others() -> None:
    """In one language MA over facts is none of them."""
    own = replace(check(one_language(BASE), one_language(GOLD)), langs=LANGS[:1])
    seen: list[tuple[str, str]] = []

    def run(self: Tester, level: str, column: int | None, facts: Rows, controls: Rows, *, fine: bool) -> Tested:
        seen.append((level, "ma" if float(np.nanmax(facts.table)) <= 1.0 and float(np.nanmin(facts.table)) >= 0.0 else "other"))
        return Tested(0.0, 1.0, 0.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tester, "run", run)
        assert smallest_leak([own], 0.01, 0, trials=2) is None
    assert ("pair", "ma") in seen
    assert ("fact", "ma") not in seen
