"""The experiment on translations, on invented people: what it says is what it found."""

import json
import re
from pathlib import Path

import pytest

from xlforget.experiments import translations


def test_it_writes_what_it_measured_and_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translations, "PEOPLE", 2)
    monkeypatch.setattr("shutil.which", lambda name: None)
    done = translations.run(None, tmp_path, lambda line: None)
    assert done.passed
    found = json.loads((tmp_path / "translate/results.json").read_text())
    assert found["speed"]["seconds"] < 30
    assert found["speed"]["memory growth, MiB"] < 50
    assert "no yields" in done.markdown
    assert "| answer dropped | 336 | 100.00% | 0.00% |" in done.markdown


def test_checks_that_notice_too_little_are_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translations, "PEOPLE", 2)
    monkeypatch.setattr(translations, "FACTS", 10)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("xlforget.parallel.checks._MARKUP", re.compile("$^"))
    assert not translations.run(None, tmp_path, lambda line: None).passed


def test_yields_and_precision_come_from_the_real_apertium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs_apertium: None
) -> None:
    monkeypatch.setattr(translations, "PEOPLE", 2)
    monkeypatch.setattr(translations, "FACTS", 10)
    row = {"prompt": {"en": "The capital of Turkey is <mask>.", "ca": "La capital de Turquia és <mask>."}}
    row["answers"] = {"en": ["Ankara"], "ca": ["Ankara"]}  # type: ignore[dict-item]
    for part in ("forget-32", "valid"):
        path = tmp_path / "data/bmlama53" / f"{part}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{json.dumps(row)}\n" * 3)
    done = translations.run(tmp_path / "data", tmp_path, lambda line: None)
    own = done.document["apertium"]["ca"]
    assert own["status"] == {"ok": 3, "warn": 0, "review": 0, "fail": 0}
    assert own["compared"]["ok"] == {"rows": 3, "equal": 3, "other than gold": []}
