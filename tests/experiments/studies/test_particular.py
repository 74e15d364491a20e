"""What is particular to single studies: their data, their tasks, their tickets."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.experiments.studies import fake
from xlforget.asked import Apply
from xlforget.experiments import invented_data
from xlforget.experiments.invented_data import Size
from xlforget.experiments.memorised import read_statements
from xlforget.experiments.sets import Set
from xlforget.experiments.small_model import new_model, train_tokenizer
from xlforget.experiments.studies import long_term, low_resource, order, stages, trial
from xlforget.experiments.studies.bed import Bed
from xlforget.experiments.studies.plots import Axis
from xlforget.experiments.studies.study import Cell

LANGS = ("en", "hi")
TINY = Set("tiny-particular", LANGS)


@pytest.fixture
def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bed:
    monkeypatch.setitem(invented_data.SIZES, TINY.name, Size(("phone_number", "employer"), 3, 1, 1, 1))
    return replace(fake.bed(tmp_path), chosen=TINY, files=invented_data.write(tmp_path / "data", TINY))


def test_each_language_has_the_sentences_that_the_study_says(tmp_path: Path) -> None:
    low_resource.write(tmp_path, LANGS, (200, 30))
    rows = {part: (tmp_path / f"{part}.jsonl").read_text("utf-8").splitlines() for part in ("retain", "bystanders", "request")}
    counted = Counter(lang for part in ("retain", "bystanders") for row in rows[part] for lang in json.loads(row)["texts"])
    assert counted == {"en": 200, "hi": 30}
    assert {lang for row in rows["bystanders"] for lang in json.loads(row)["texts"]} == set(LANGS)
    assert all(set(json.loads(row)["object"]) >= set(LANGS) for row in rows["request"])


def test_there_are_as_many_sentences_as_the_whole_form_says(tmp_path: Path) -> None:
    langs = ("en", "hi", "ar", "zh")
    low_resource.write(tmp_path, langs, (1000, 300, 100, 30))
    rows = [row for part in ("retain", "bystanders") for row in (tmp_path / f"{part}.jsonl").read_text("utf-8").splitlines()]
    assert Counter(lang for row in rows for lang in json.loads(row)["texts"]) == {"en": 1000, "hi": 300, "ar": 100, "zh": 30}


def test_tasks_state_nothing_of_the_request_and_differ(bed: Bed) -> None:
    found = long_term.tasks(bed)
    facts = set(read_statements(bed.files["request"], LANGS))
    assert len(found) == 3
    assert all(found)
    assert not facts & {text for own in found for text in own}
    assert len({text for own in found for text in own}) == sum(len(set(own)) for own in found)


def test_a_task_changes_the_model_and_does_the_same_for_every_arm(bed: Bed, tmp_path: Path) -> None:
    texts = long_term.tasks(bed)[0][:6]
    tokenizer = train_tokenizer(texts, 300)
    for folder in (tmp_path / "model", tmp_path / "other"):
        new_model(tokenizer, layers=1, width=32, seed=3).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        long_term.tune(folder, texts, folder / "tuned", 1)
    before, once, twice = (weights(tmp_path / name) for name in ("model", "model/tuned", "other/tuned"))
    assert not torch.equal(before, once)
    assert torch.equal(once, twice)


def weights(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).lm_head.weight


def test_batch_and_sequence_erase_the_same_facts_and_the_sequence_goes_on(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real line is left out: what is asked of it is what this tells."""
    asked: list[tuple[str, list[set[str]]]] = []

    def erase(own: Apply, kept: Path) -> tuple[Path, dict[str, Any]]:
        asked.append((Path(own.model).name, [order.ids(Path(file)) for file in own.requests]))
        return kept if len(asked) != 2 else Path(own.model), {"steps": 10, "unlearning": 1.0}  # the second makes no model

    names = dict.fromkeys(order.FIGURES, 0.5)
    monkeypatch.setattr(trial, "erase", erase)
    monkeypatch.setattr(trial, "measured", lambda bed, model: dict(names))
    monkeypatch.setattr(trial, "known", lambda bed, model, rows: 0.5)
    batch, sequence = order.STUDY.arms(LANGS)
    found = order.run(Cell(sequence, 0), bed)
    one_by_one, asked[:] = list(asked), []
    order.run(Cell(batch, 0), bed)
    assert asked == [("base", [own for _, (own,) in one_by_one])]
    assert set().union(*asked[0][1]) == order.ids(bed.files["request"])
    assert [model for model, _ in one_by_one] == ["base", "model-1", "model-1", "model-3"]
    assert found["steps"] == 40


def test_a_line_is_drawn_over_the_stages_in_their_order(tmp_path: Path) -> None:
    figures = {f"ma after {k}": {"mean": k / 10, "half": None} for k in (10, 2, 1)}
    points = stages.Staged("tasks", Axis("ma", "MA"))._points({**figures, "ma": {"mean": 9.0, "half": None}})
    assert points == [{"stage": 1, "ma": 0.1}, {"stage": 2, "ma": 0.2}, {"stage": 10, "ma": 1.0}]
