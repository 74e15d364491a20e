"""The runner: a run that was cut off goes on, processes find what one process finds, and a changed arm is run again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.experiments.studies import fake
from xlforget.experiments.studies.study import Arm, Cell, cells, run_cells


def quiet(line: str) -> None: ...


def ran(folder: Path) -> list[str]:
    return [line.split()[0] for line in (folder / "ran.txt").read_text().splitlines()]


def whole(folder: Path, jobs: int = 1) -> Sequence[object]:
    bed = fake.bed(folder)
    return run_cells(fake.STUDY, bed, cells(fake.STUDY, bed, quick=False), quiet, jobs=jobs)


def test_references_are_measured_once_and_every_arm_with_every_seed(tmp_path: Path) -> None:
    found = cells(fake.STUDY, fake.bed(tmp_path), quick=False)
    assert [(c.arm.name, c.seed) for c in found[:5]] == [("base", 0), ("gold", 0), ("mild", 0), ("harsh", 0), ("idle", 0)]
    assert len(found) == len({c.name for c in found}) == 2 + 3 * 3
    assert [c.arm.name for c in cells(fake.STUDY, fake.bed(tmp_path), quick=True)] == ["base", "gold", "mild", "harsh"]
    assert len(cells(fake.STUDY, fake.bed(tmp_path), quick=False, seeds=2)) == 2 + 3 * 2


def test_there_is_no_gold_of_a_model_that_was_given(tmp_path: Path) -> None:
    given = replace(fake.bed(tmp_path), gold=None)
    assert "gold" not in [c.arm.name for c in cells(fake.STUDY, given, quick=False)]


def test_an_interrupted_run_goes_on_and_no_cell_is_run_twice(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("harsh-seed-1")
    with pytest.raises(KeyboardInterrupt):
        whole(tmp_path)
    assert len(ran(tmp_path)) == 6
    kept = list((tmp_path / "fake" / "cells").iterdir())
    assert len(kept) == 6
    assert all(json.loads(path.read_text())["figures"]["kept"] == 0.5 for path in kept)
    (tmp_path / "broken").unlink()
    whole(tmp_path)
    assert len(ran(tmp_path)) == len(set(ran(tmp_path))) == 11


def test_a_cell_file_that_is_not_whole_is_made_again(tmp_path: Path) -> None:
    whole(tmp_path)
    torn = tmp_path / "fake" / "cells" / "mild-seed-0.json"
    torn.write_text(torn.read_text()[:40])
    whole(tmp_path)
    assert ran(tmp_path).count("mild-seed-0") == 2
    assert ran(tmp_path).count("mild-seed-1") == 1


def test_an_arm_that_means_something_else_now_is_run_again(tmp_path: Path) -> None:
    bed = fake.bed(tmp_path)
    run_cells(fake.STUDY, bed, [Cell(Arm("mild"), 0)], quiet)
    run_cells(fake.STUDY, bed, [Cell(Arm("mild", languages=("en",)), 0)], quiet)
    assert ran(tmp_path) == ["mild-seed-0", "mild-seed-0"]


def test_processes_find_what_one_process_finds(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert whole(tmp_path / "two", jobs=2) == whole(tmp_path / "one")
    pids = {line.split()[1] for line in (tmp_path / "two" / "ran.txt").read_text().splitlines()}
    assert len({line.split()[1] for line in (tmp_path / "one" / "ran.txt").read_text().splitlines()}) == 1
    assert not pids & {line.split()[1] for line in (tmp_path / "one" / "ran.txt").read_text().splitlines()}
