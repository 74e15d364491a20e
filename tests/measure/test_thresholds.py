"""The tests keep their level where facts and controls are exchangeable, and find facts that are known."""

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from xlforget.measure import thresholds
from xlforget.measure.tester import Tester
from xlforget.measure.thresholds import Relabellings, Rows, Table, standardise
from xlforget.measure.thresholds import Tested as Found

LEVEL, RUNS, DRAWS = 0.05, 500, 999

Draw = Callable[[np.random.Generator, int], Table]


def normal(rng: np.random.Generator, rows: int) -> Table:
    """Rows lean one way in all languages, as facts do."""
    return np.asarray(rng.normal(size=(rows, 3)) + rng.normal(size=(rows, 1)))


def coarse(rng: np.random.Generator, rows: int) -> Table:
    """Like MA of short answers: many ties, many zeros."""
    return np.asarray(rng.binomial(3, 0.15, size=(rows, 3)) / 3)


def with_gaps(rng: np.random.Generator, rows: int) -> Table:
    table = normal(rng, rows)
    table[rng.random(table.shape) < 0.2] = np.nan
    table[:, 0] = np.nan_to_num(table[:, 0])
    return table


def mean(facts: Table, controls: Table, relabel: Relabellings) -> Found:
    return relabel.test_mean(facts[:, 0], controls[:, 0], LEVEL)


def rows(table: Table, kinds: int = 1) -> Rows:
    return Rows(table, np.arange(len(table)) % kinds)


def logps(table: Table, kinds: int = 1) -> Rows:
    """The same as log-probabilities, which end at 0: -7.4 nats for 0, a fifth less surprisal for each unit more."""
    return rows(-np.exp(2.0 - table / 5), kinds)


def of_facts(facts: Table, controls: Table, relabel: Relabellings) -> Found:
    return thresholds.test_facts(rows(facts), rows(controls), LEVEL, fine=False)


def of_single_facts(facts: Table, controls: Table, relabel: Relabellings) -> Found:
    return thresholds.test_facts(logps(facts), logps(controls), LEVEL, fine=True)


def of_pairs(facts: Table, controls: Table, relabel: Relabellings) -> Found:
    return thresholds.test_pairs(rows(facts), rows(controls), relabel, LEVEL, fine=False)


def of_single_pairs(facts: Table, controls: Table, relabel: Relabellings) -> Found:
    return thresholds.test_pairs(logps(facts), logps(controls), relabel, LEVEL, fine=True)


@cache
def relabelled(run: int) -> Relabellings:
    """Drawn once for all tests."""
    return Relabellings.draw(8, 40, DRAWS, run)


TESTS = [mean, of_facts, of_single_facts, of_pairs, of_single_pairs]


@pytest.mark.parametrize("draw", [normal, coarse, with_gaps])
@pytest.mark.parametrize("test", TESTS)
def test_a_model_that_saw_neither_is_rejected_as_often_as_the_level_says(
    test: Callable[[Table, Table, Relabellings], Found], draw: Draw
) -> None:
    rng = np.random.default_rng(1)
    # Fresh relabellings each time: a p-value keeps its level over them, not under one draw of them.
    ps = [test(draw(rng, 8), draw(rng, 40), relabelled(run)).p for run in range(RUNS)]
    assert np.mean(np.array(ps) <= LEVEL) <= 0.07
    assert min(ps) > 0.0


@pytest.mark.parametrize("test", TESTS)
def test_facts_that_are_known_are_found(test: Callable[[Table, Table, Relabellings], Found]) -> None:
    rng = np.random.default_rng(6)
    relabel = Relabellings.draw(12, 60, DRAWS, 0)
    found = test(normal(rng, 12) + 6, normal(rng, 60), relabel)
    assert found.p <= 0.005
    assert found.statistic >= found.threshold
    below = test(normal(rng, 12) - 6, normal(rng, 60), relabel)
    assert below.p > 0.5  # only knowing more than of unseen text counts


def test_one_fact_of_twenty_left_whole_is_found_though_means_and_counts_hide_it() -> None:
    rng = np.random.default_rng(7)
    facts, controls = normal(rng, 20), normal(rng, 400)
    facts[3] += 20
    by_counts, alone = (thresholds.test_facts(logps(facts), logps(controls), 1e-4, fine=fine).p for fine in (False, True))
    assert alone < 1e-4 < by_counts
    relabel = Relabellings.draw(20, 400, 9999, 0)
    facts[3] -= 20
    facts[3, 1] += 30
    by_counts, alone = (
        thresholds.test_pairs(logps(facts), logps(controls), relabel, 1e-4, fine=fine).p for fine in (False, True)
    )
    assert alone < 1e-4 < by_counts


def test_a_single_fact_stands_out_among_answers_of_its_own_kind() -> None:
    """Every third kind is guessed by everybody: among all controls a fact of another that is known does not stand out."""
    rng = np.random.default_rng(8)

    def of_kinds(count: int) -> Rows:
        table = rng.normal(size=(count, 2))
        table[::3] += 30
        return logps(table, 3)

    facts, controls = of_kinds(9), of_kinds(300)
    assert thresholds.test_facts(facts, controls, LEVEL, fine=True).p > LEVEL
    facts.table[1] = -0.1
    assert thresholds.test_facts(facts, controls, LEVEL, fine=True).p < 1e-4
    facts, controls = (own._replace(kinds=np.zeros(len(own.kinds), int)) for own in (facts, controls))
    assert thresholds.test_facts(facts, controls, LEVEL, fine=True).p > LEVEL


def test_a_fact_in_a_language_without_controls_hides_no_other() -> None:
    rng = np.random.default_rng(4)
    facts, controls = logps(normal(rng, 6)), logps(normal(rng, 200))
    facts.table[0] = -0.1
    facts.table[1, :2] = np.nan
    controls.table[:, 2] = np.nan
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert thresholds.test_facts(facts, controls, 1e-4, fine=True).p < 1e-4


def test_a_fact_in_one_language_is_held_against_controls_in_that_one() -> None:
    """A mean over nine languages is steadier than a single figure."""
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        facts, controls = rng.normal(size=(32, 9)), rng.normal(size=(96, 9))
        facts[:8, 1:] = np.nan
        found.append(thresholds.beyond(facts, controls))
    assert np.mean(np.array(found) <= 0.01) <= 0.03


def test_the_pairs_of_one_fact_in_several_languages_are_tested() -> None:
    rng = np.random.default_rng(5)
    tester, controls = Tester(1, 0.01, 0), logps(normal(rng, 200))
    known, unknown = (tester.run("pair", None, logps(normal(rng, 1) + by), controls, fine=True).p for by in (30, 0))
    assert known <= 0.01 < unknown


@pytest.mark.parametrize("draw", [normal, coarse])
def test_a_fact_alone_that_nobody_saw_is_rejected_as_often_as_the_level_says(draw: Draw) -> None:
    rng = np.random.default_rng(2)
    tables = [draw(rng, 200)[:, :1] for _ in range(RUNS)]
    ps = [thresholds.test_alone(logps(own[:1]), logps(own[1:], 3), LEVEL).p for own in tables]
    assert np.mean(np.array(ps) <= LEVEL) <= 0.07


def test_a_fact_alone_is_found_above_its_threshold_and_by_no_less() -> None:
    controls = logps(normal(np.random.default_rng(3), 200)[:, :1], 2)
    found = thresholds.test_alone(logps(np.array([[0.0]])), controls, 1e-4)
    assert found.p > 1e-4
    assert -7.0 < found.threshold < -0.1
    above, below = (thresholds.test_alone(rows(np.array([[found.threshold + by]])), controls, 1e-4).p for by in (0.01, -0.01))
    assert above <= 1e-4 < below


def test_hard_and_easy_answers_do_not_hide_one_that_is_known() -> None:
    """Where unseen ones cost 3 to 13 nats a token, no cost at all is four standard deviations away, as heavy tails may be."""
    rng = np.random.default_rng(10)
    facts, controls = (
        rows(-np.exp(rng.normal(np.log(6.5), 0.25, (count, 1)) + rng.normal(0, 0.1, (count, 8)))) for count in (32, 105)
    )
    facts.table[0] = -0.05
    assert thresholds.beyond(*(standardise(own, controls) for own in (facts, controls))) > 1e-3
    assert thresholds.test_facts(facts, controls, 1e-4, fine=True).p < 1e-6


@pytest.mark.parametrize("freedom", [12, 5])
def test_a_single_unseen_row_of_heavy_tails_is_not_taken_for_a_known_one(freedom: int) -> None:
    rng = np.random.default_rng(9)
    found = [
        thresholds.beyond(rng.standard_t(freedom, (32, 1)), rng.standard_t(freedom, (150, 1))) for _ in range(1000)
    ]  # fmt: skip
    assert np.mean(np.array(found) <= 1e-4) <= 0.02


def test_the_p_value_of_the_mean_is_that_of_all_relabellings() -> None:
    # Of the ten pairs out of five rows only {9, 8} and {9, 7} have a mean of 8 or more.
    p = Relabellings.draw(2, 3, 20_000, 0).test_mean(np.array([9.0, 7.0]), np.array([8.0, 1.0, 0.0]), LEVEL).p
    assert p == pytest.approx(0.2, abs=0.01)


def test_ties_go_to_the_controls() -> None:
    same = np.full((6, 2), 0.5)
    relabel = Relabellings.draw(6, 6, DRAWS, 0)
    assert all(test(same, same, relabel).p == 1.0 for test in TESTS)


def test_languages_are_put_on_one_scale() -> None:
    controls = np.array([[0.0, 100.0], [2.0, 300.0]])
    np.testing.assert_allclose(
        standardise(rows(np.array([[2.0, 400.0], [1.0, np.nan]])), rows(controls)), [[1.0, 2.0], [0.0, np.nan]]
    )
    assert np.isfinite(standardise(rows(np.ones((2, 1))), rows(np.ones((3, 1))))).all()
