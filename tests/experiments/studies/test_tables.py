"""What a study says of itself: intervals, ties, where it comes from; and the plots."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.experiments.studies import fake
from xlforget.cli.bench import STUDIES as PHRASES
from xlforget.experiments.studies import tables
from xlforget.experiments.studies.plots import Axis, Heat, Lines, Pareto
from xlforget.experiments.studies.registry import STUDIES
from xlforget.experiments.studies.statistics import estimate, ties
from xlforget.experiments.studies.study import Figures, Study, cells, run_cells


def found(folder: Path, *, quick: bool = False) -> Figures:
    bed = fake.bed(folder)
    done = run_cells(fake.STUDY, bed, cells(fake.STUDY, bed, quick=quick), lambda line: None)
    return tables.document(fake.STUDY, bed, done, "abc123", quick=quick)


def test_the_interval_is_that_of_scipy() -> None:
    values = [0.2, 0.5, 0.4, 0.45]
    own = estimate(values)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert own.half is not None
    assert (own.mean - own.half, own.mean + own.half) == pytest.approx((low, high))
    assert estimate([0.3]).half is None


def test_arms_tie_by_their_paired_differences() -> None:
    """B is behind by the same in each seed, C by now more, now less than nothing; seeds differ far more than the arms do."""
    arms = {"a": [0.1, 0.5, 0.9], "b": [0.12, 0.52, 0.92], "c": [0.15, 0.49, 0.91]}
    assert ties(arms, highest=False) == {"a", "c"}
    assert ties(arms, highest=True) == {"b", "c"}
    assert ties({"a": [0.1], "b": [0.1], "c": [0.2]}, highest=False) == {"a", "b"}


def test_the_table_tells_intervals_ties_and_where_it_comes_from(tmp_path: Path) -> None:
    text = tables.markdown(fake.STUDY, found(tmp_path))
    assert "| harsh | 0.110 ± 0.025 | 0.500 ± 0.000 |  | gone, kept |" in text
    assert "| mild | 0.310 ± 0.025 | 0.500 ± 0.000 |  | kept |" in text
    assert "| gold | 0.000 | 0.500 |  |  |" in text
    assert "over 3 seeds" in text
    assert "not the published checkpoints" in text
    assert "Commit abc123." in text
    assert "cores" in text.splitlines()[-1]


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    text = tables.markdown(fake.STUDY, found(tmp_path, quick=True))
    assert "±" not in text
    assert "no interval" in text
    assert "quick form" in text


def test_every_plot_is_well_formed_and_the_same_twice(tmp_path: Path) -> None:
    document = found(tmp_path)
    series = {"series": {"a": [{"gone": 1, "kept": 2}, {"gone": 2, "kept": 3}]}}
    plots: list[Callable[[Figures, Path], None]] = [
        Pareto(Axis("gone", "gone"), Axis("kept", "kept")),
        Heat("gone", "gone"),
        Lines(Axis("gone", "g"), Axis("kept", "k")),
    ]
    for number, plot in enumerate(plots):
        one, two = tmp_path / f"{number}-a.svg", tmp_path / f"{number}-b.svg"
        for target in (one, two):
            plot(document | series, target)
        assert one.read_bytes() == two.read_bytes()
        told = {node.text for node in ET.parse(one).iter() if node.text}
        assert any("fake-set" in text for text in told)
        assert {"mild", "harsh"} <= told or "a" in told


def test_a_point_on_the_front_is_beaten_by_none() -> None:
    points = {"a": (0.1, 0.5), "b": (0.2, 0.9), "c": (0.2, 0.4), "d": (0.3, 0.9)}
    assert Pareto.front(points) == [(0.1, 0.5), (0.2, 0.9)]


def test_help_names_every_study() -> None:
    assert set(PHRASES) == set(STUDIES)


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_the_arms_of_a_study_are_told_apart(study: Study) -> None:
    arms = study.arms(("en", "hi", "ar"))
    assert len({arm.name for arm in arms}) == len(arms)
    assert len({repr(replace(arm, name="")) for arm in arms}) == len(arms)
