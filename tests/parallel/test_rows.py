"""The file in an editor: what a person changes there is taken as theirs, and what cannot be read is said by line."""

import json
from pathlib import Path

import pytest

from xlforget.errors import UsageError
from xlforget.parallel.pair import Check, Pair, Source, TranslatorInfo, Wording
from xlforget.parallel.parallel_set import ParallelSet

APERTIUM = TranslatorInfo(name="apertium", model="eng-spa 1", version="3.8", licence="GPL")


def row(**changes: object) -> Pair:
    source = Source(text="Zorvana lives in London.", span=(17, 23), lang="en")
    values = {
        "fact": "a", "lang": "es", "candidates": (), "relation": None, "status": "ok", "translator": "apertium",
        "wordings": (Wording(text="Zorvana vive en Londres.", span=(16, 23), role="all"),), "source": source,
        "back": "Zorvana lives in London.", "votes": {"marked": "Londres"},
        "checks": (Check(name="length", outcome="ok", value=1.0),),
    }  # fmt: skip
    return Pair.model_validate(values | changes)


def unplaced(**changes: object) -> Pair:
    return row(wordings=(), unplaced="Zorvana vive en Londres.", status="review", reason="not agreed on", **changes)


def saved(path: Path, *pairs: Pair) -> ParallelSet:
    made = ParallelSet(pairs=pairs, languages=("es", "ca"), translators=(APERTIUM,))
    made.save(path)
    return made


def edited(path: Path, **changes: object) -> ParallelSet:
    header, first, *others = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([header, json.dumps(json.loads(first) | changes), *others]), "utf-8")
    return ParallelSet.load(path)


def test_a_row_reads_as_the_documentation_says(tmp_path: Path) -> None:
    saved(tmp_path / "p.jsonl", row())
    shown = json.loads((tmp_path / "p.jsonl").read_text("utf-8").splitlines()[1])
    assert {key: shown[key] for key in ("id", "lang", "text", "answer", "span", "status")} == {
        "id": "a", "lang": "es", "text": "Zorvana vive en Londres.", "answer": "Londres", "span": [16, 23], "status": "ok",
    }  # fmt: skip
    assert shown["translator"] == {"backend": "apertium", "model": "eng-spa 1", "revision": "3.8", "licence": "GPL"}
    assert shown["checks"] == {"length": {"outcome": "ok", "value": 1.0}}
    assert shown["votes"] == {"marked": "Londres"}


def test_all_of_a_row_comes_back(tmp_path: Path) -> None:
    others = (row().wordings[0], Wording(text="En Londres vive Zorvana.", span=(3, 10), role="gate"))
    made = saved(tmp_path / "p.jsonl", row(wordings=others, decision="accepted"), unplaced(lang="ca"))
    assert ParallelSet.load(tmp_path / "p.jsonl") == made


def test_a_row_that_was_changed_by_hand_is_a_persons(tmp_path: Path) -> None:
    saved(tmp_path / "p.jsonl", row(), row(lang="ca"))
    changed, other = edited(tmp_path / "p.jsonl", text="En Londres reside Zorvana.").pairs
    assert (changed.decision, other.decision) == ("edited", "")
    assert changed.wordings[0].span == (3, 10)


def test_a_person_places_an_answer_by_writing_it(tmp_path: Path) -> None:
    saved(tmp_path / "p.jsonl", unplaced())
    (placed,) = edited(tmp_path / "p.jsonl", answer="Londres", status="ok").pairs
    assert (placed.usable, placed.decision, placed.wordings[0].answer) == (True, "edited", "Londres")


def test_an_answer_that_does_not_stand_in_the_text_is_refused_by_line_without_its_text(tmp_path: Path) -> None:
    saved(tmp_path / "p.jsonl", row())
    with pytest.raises(UsageError, match="line 2") as refused:
        edited(tmp_path / "p.jsonl", answer="Tarnwick")
    assert not any(text in f"{refused.value.what}{refused.value.do}" for text in ("Tarnwick", "Londres", "Zorvana"))


def test_a_digest_changes_with_a_decision(tmp_path: Path) -> None:
    made = saved(tmp_path / "p.jsonl", row())
    assert edited(tmp_path / "p.jsonl", status="warn").digest() != made.digest()


def test_printing_a_row_by_mistake_shows_no_text() -> None:
    assert not any(text in repr((row(), unplaced())) for text in ("Londres", "London", "Zorvana"))
