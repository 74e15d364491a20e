"""Learning rates are chosen by the same number of trials for every arm, on facts that no table reports."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.experiments.studies import fake
from xlforget.asked import Apply
from xlforget.experiments import invented_data
from xlforget.experiments.invented_data import STUDIED
from xlforget.experiments.studies import trial, tuning
from xlforget.experiments.studies.bed import Bed, memorised
from xlforget.experiments.studies.study import Arm, Cell, Done, Study
from xlforget.unlearn.methods import METHODS

ARMS = [Arm("adaptive"), Arm("npo", METHODS["npo"])]
STUDY = replace(fake.STUDY, arms=lambda languages: ARMS, tunes=True)


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return replace(fake.bed(tmp_path), files={"tuning": tmp_path / "tuning.jsonl"})


def scored(scores: dict[str, float], asked: list[Cell]) -> tuning.RunCells:
    def run(study: Study, cells: Sequence[Cell]) -> list[Done]:
        asked.extend(cells)
        return [Done(cell, {"score": scores.get(f"{cell.arm.method.name} {cell.arm.method.lr:g}", 0.5)}) for cell in cells]

    return run


def test_every_arm_has_as_many_trials_with_a_seed_that_is_not_reported(bed: Bed) -> None:
    asked: list[Cell] = []
    tuning.tuned(STUDY, bed, scored({}, asked))
    assert Counter(cell.arm.method.name for cell in asked) == {"adaptive": 3, "npo": 3}
    assert len({cell.arm.name for cell in asked}) == 6
    assert not {cell.seed for cell in asked} & set(STUDY.seeds)


def test_the_best_rate_is_taken_and_a_tie_changes_nothing(bed: Bed) -> None:
    found = tuning.tuned(STUDY, bed, scored({"npo 0.00015": 0.4, "npo 0.0015": 0.6}, [])).arms(("en",))
    assert [(arm.name, arm.method.lr) for arm in found] == [("adaptive", METHODS["adaptive"].lr), ("npo", 0.3 * 5e-4)]


def test_without_facts_to_tune_on_the_study_stays_as_it_is(tmp_path: Path) -> None:
    asked: list[Cell] = []
    assert tuning.tuned(STUDY, fake.bed(tmp_path), scored({}, asked)) == STUDY
    assert not asked


def test_a_trial_forgets_the_tuning_facts_and_none_that_are_reported(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Apply] = []

    def erase(own: Apply, model: Path) -> tuple[Path, dict[str, float]]:
        asked.append(own)
        return model, {"steps": 1}

    bed = replace(bed, files={**dict.fromkeys(("request", "retain"), bed.folder / "other.jsonl"), **bed.files})
    monkeypatch.setattr(trial, "erase", erase)
    monkeypatch.setattr(tuning, "_scored", lambda asked, model: {"score": 0.1})
    assert tuning.run(Cell(ARMS[1], 9), bed) == {"score": 0.1, "steps": 1}
    assert asked[0].requests == (str(bed.files["tuning"]),)


def test_base_and_gold_know_the_tuning_facts_which_are_about_other_people(tmp_path: Path) -> None:
    files = invented_data.write(tmp_path, STUDIED)
    request, tuned = ({json.loads(line)["subject"]["en"] for line in files[part].open()} for part in ("request", "tuning"))
    assert tuned
    assert not request & tuned
    assert all("tuning" in parts for parts in memorised(files).values())
    assert "request" not in memorised(files)["gold"]
