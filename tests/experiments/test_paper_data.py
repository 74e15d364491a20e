"""The paper's data as our files, on rows of our own that are shaped like it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xlforget.errors import UsageError
from xlforget.experiments import main, paper_data
from xlforget.experiments.paper_data import SETS
from xlforget.experiments.sets import Set
from xlforget.request.reader import read_request, read_texts

LANGS = SETS["bmlama53"].languages


def asked(name: str, answer: str, others: list[str]) -> dict[str, Any]:
    """Zero-width spaces in Spanish prompts, as published."""
    prompts = {lang: f"{name} grows <mask> in {lang}." for lang in LANGS} | {"es": f"\u200b{name} cultiva <mask>.", "xx": "no"}
    return {
        "prompt": prompts,
        "answers": {lang: [answer] for lang in (*LANGS, "xx")},
        "candidates": {lang: [*others, answer] for lang in (*LANGS, "xx")},
    }


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "bmlama53"
    forget = [asked("Quarnholm", "plumcorn", ["mistbeet", "ashroot"]), asked("Tarnwick", "ashroot", ["mistbeet"])]
    retain = [asked("Quarnholm", "mistbeet", ["plumcorn", "dewgrain"])]
    more = [asked(f"Fen {n}", "dewgrain", ["ashroot"]) for n in range(70)]
    write(folder, "forget-32", forget)
    write(folder, "retain-32-x4", retain)
    write(folder, "retain-128-x3", [retain[0], forget[1], *more])
    write(folder, "valid", [asked("Ondmoor", "dewgrain", ["ashroot"])])
    write(folder, "test", [asked("Harrowfen", "plumcorn", ["ashroot"])])
    return tmp_path / "data"


def test_every_part_can_be_read_by_the_commands_that_it_is_for(data: Path, tmp_path: Path) -> None:
    files = paper_data.convert(SETS["bmlama53"], data, tmp_path / "out")
    facts = read_request(files["request"]).facts
    assert [fact.id for fact in facts] == ["F-1", "F-2"]
    assert set(facts[0].statements) == set(LANGS)
    assert facts[0].statements["es"].text == "Quarnholm cultiva plumcorn."
    assert facts[0].statements["hi"].answer == "plumcorn"
    assert [len(read_texts(files[part])) for part in ("retain", "unseen", "test")] == [1, 1, 1]


def test_a_candidate_that_is_true_of_the_prompt_is_left_out(data: Path, tmp_path: Path) -> None:
    files = paper_data.convert(SETS["bmlama53"], data, tmp_path / "out")
    first, second = read_request(files["request"]).facts
    assert first.candidates["fr"] == ("ashroot",)  # mistbeet is what the retain row says of the same prompt
    assert first.candidates["es"] == ("ashroot",)
    assert second.candidates["fr"] == ("mistbeet",)


def test_bystanders_are_in_no_file_that_apply_is_given(data: Path, tmp_path: Path) -> None:
    files = paper_data.convert(SETS["bmlama53"], data, tmp_path / "out")
    texts = {part: {s.text for row in read_texts(files[part]) for s in row.statements.values()} for part in files}
    assert len(read_texts(files["bystanders"])) == paper_data.BYSTANDERS
    assert not texts["bystanders"] & (texts["request"] | texts["retain"] | texts["unseen"])


def test_facts_to_tune_on_are_in_no_other_part(data: Path, tmp_path: Path) -> None:
    assert "tuning" not in paper_data.convert(SETS["bmlama53"], data, tmp_path / "out")
    files = paper_data.convert(replace(SETS["bmlama53"], tuning=4), data, tmp_path / "tuned")
    texts = {part: {s.text for row in read_texts(files[part]) for s in row.statements.values()} for part in files}
    assert len(read_texts(files["tuning"])) == 4
    assert not any(texts["tuning"] & texts[part] for part in texts if part != "tuning")


def test_parallel_sentences_become_whole_sentences_in_the_languages_of_the_set(tmp_path: Path) -> None:
    two = Set("flores", ("en", "fr"), retain="retain-32-x1")
    for number, name in enumerate(("forget-32", "retain-32-x1", "retain-128-x3", "valid", "test")):
        row = {lang: f"The lamp number {number} in {lang} is out." for lang in ("en", "fr", "zu")}
        write(tmp_path / "flores", name, [row])
    files = paper_data.convert(two, tmp_path, tmp_path / "out")
    (fact,) = read_request(files["request"]).facts
    assert (fact.form, set(fact.statements)) == (5, {"en", "fr"})
    assert all(statement.span is None for statement in fact.statements.values())


def test_missing_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"bmlama53/forget-32\.jsonl"):
        paper_data.convert(SETS["bmlama53"], tmp_path, tmp_path / "out")


def test_an_unknown_set_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no set"):
        main.choose("opus")
