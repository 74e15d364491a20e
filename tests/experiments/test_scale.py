"""What `bench scale` runs and how it judges growth."""

from typing import Any

import pytest

from xlforget.experiments import scale, scale_tables
from xlforget.experiments.scale import Cell


def rows(exponent: float, code: int = 0) -> list[dict[str, Any]]:
    return [
        {"facts": c.facts, "languages": c.languages, "seed": c.seed, "code": code, "pairs": c.facts * c.languages, "steps": 160,
         "rounds": 16, "unlearning": 1.0, "seconds": 2.0 * (c.facts * c.languages) ** exponent}
        for c in scale.cells(scale.WHOLE)
    ]  # fmt: skip


def test_each_size_is_run_once_for_each_seed() -> None:
    found = scale.cells(scale.WHOLE)
    assert len(found) == len(set(found)) == 15
    assert {(c.facts, c.languages) for c in found} == {(32, 9), (64, 9), (128, 9), (32, 2), (32, 4)}
    assert Cell(32, 2, 0) in found


def test_a_power_is_found_with_its_interval() -> None:
    power = scale_tables.fit([2, 4, 9, 2, 4, 9], [3 * 2**0.7, 3 * 4**0.7, 3 * 9**0.7] * 2)
    assert power.exponent == pytest.approx(0.7)
    assert power.high - power.low == pytest.approx(0, abs=1e-6)
    noisy = scale_tables.fit([2, 4, 9], [2, 5, 9])
    assert noisy.low < noisy.exponent < noisy.high


@pytest.mark.parametrize(
    ("exponent", "code", "held"), [(1.0, 0, True), (0.3, 0, True), (1.2, 0, False), (1.0, 1, False)]
)  # fmt: skip
def test_it_holds_where_every_gate_passed_and_nothing_grows_faster_than_linearly(exponent: float, code: int, held: bool) -> None:
    assert scale_tables.holds(scale_tables.document(rows(exponent, code))) is held


def test_a_size_that_could_not_be_judged_is_shown_and_does_not_hold() -> None:
    """It ends with exit 1 before it trains; of what grows with languages only one size may be left."""
    stopped = [row | {"steps": 0, "code": 1} if row["languages"] == 2 else row for row in rows(1.0)]
    found = scale_tables.document(stopped)
    assert not scale_tables.holds(found)
    assert found["powers"]["facts"]["seconds"]["exponent"] == pytest.approx(1.0)
    assert "| 32 | 2 | 64 | 0 of 3 | 0 |" in scale_tables.markdown(found)
    alone = scale_tables.document([row for row in stopped if row["languages"] != 4])
    assert not scale_tables.holds(alone)
    assert "| languages | wall time, s | inf |" in scale_tables.markdown(alone)


def test_the_table_names_every_size_and_both_powers() -> None:
    text = scale_tables.markdown(scale_tables.document(rows(1.0)))
    assert "| 128 | 9 | 1152 | 3 of 3 | 160 |" in text
    assert "| languages | wall time, s | 1.00 | 1.00 to 1.00 |" in text
    assert "`" in text.splitlines()[-1]
