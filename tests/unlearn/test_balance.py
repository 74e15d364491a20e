"""Retain text weighs as much as forgetting allows."""

import pytest

from xlforget.unlearn.balance import goal, reweighed

LEAST, MOST = 2.0, 32.0


def test_the_goal_falls_in_a_straight_line_and_stays_near() -> None:
    assert [goal(10.0, 0.8, done, 8.0) for done in (0, 4, 8, 16)] == pytest.approx([10.0, 5.0, 0.8, 0.8])
    assert goal(10.0, 0.4, 3, 0.0) == 0.4


def test_forgetting_that_lags_halves_the_weight_and_forgetting_that_leads_raises_it_within_bounds() -> None:
    assert reweighed(16.0, distance=5.1, wanted=5.0, least=LEAST, most=MOST) == 8.0
    assert reweighed(16.0, distance=5.0, wanted=5.0, least=LEAST, most=MOST) == 24.0
    assert reweighed(3.0, distance=9.0, wanted=5.0, least=LEAST, most=MOST) == 2.0
    assert reweighed(30.0, distance=1.0, wanted=5.0, least=LEAST, most=MOST) == 32.0
    assert reweighed(1.0, distance=9.0, wanted=5.0, least=1.0, most=1.0) == 1.0
