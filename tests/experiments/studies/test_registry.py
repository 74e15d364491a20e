"""A study from end to end on a few invented people, through the real line; and what is refused before any work."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from xlforget.corpus import corpus
from xlforget.errors import UsageError
from xlforget.experiments import invented_data
from xlforget.experiments.invented_data import Size
from xlforget.experiments.main import Bench
from xlforget.experiments.sets import Set
from xlforget.experiments.studies import bed, registry

TINY = Set("tiny", ("en", "hi"), epochs=40, batch_tokens=512, vocabulary=700, layers=2, width=64, rate=1e-2)


def run(out: Path, *, seeds: int | None = None, jobs: int = 1) -> Bench:
    return registry.run(
        "transfer", "phrasebook", None, None, out, quick=True, seeds=seeds, jobs=jobs, say=lambda line: None
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.e2e
def test_what_is_unlearned_in_one_language_is_measured_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(invented_data.SIZES, TINY.name, Size(("phone_number", "employer"), 1, 2, 1, 2))
    monkeypatch.setattr(bed, "QUICK_STUDIED", TINY)
    monkeypatch.setattr(corpus, "CONTROL_ROWS", 120)
    monkeypatch.setitem(registry.STUDIES, "transfer", replace(registry.STUDIES["transfer"], quick=1))
    found = run(tmp_path).document["arms"]
    assert list(found) == ["base", "gold", "en alone"]
    left = {name: {lang: own["forget_ma"] for lang, own in arm["languages"].items()} for name, arm in found.items()}
    assert min(left["base"].values()) > 0.8
    assert found["gold"]["figures"]["ks"]["mean"] == 0.0 < found["base"]["figures"]["ks"]["mean"]
    assert left["en alone"]["en"] < left["en alone"]["hi"] - 0.2
    assert found["en alone"]["figures"]["steps"]["mean"] > 0
    folder = tmp_path / "tiny" / "transfer"
    written = {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    assert len(written) == 3
    again = run(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()} == written
    assert again.document["arms"] == found
    people = [json.loads(line) for line in (tmp_path / "tiny" / "data" / "request.jsonl").read_text().splitlines()]
    secrets = {text for person in people for key in ("subject", "object") for text in person[key].values()}
    for path in (*written, folder / "results.json", folder / "results.md", folder / "transfer.svg"):
        told = path.read_text("utf-8")
        assert not any(secret in told for secret in secrets)
    assert not list((tmp_path / "tiny" / "scratch").iterdir())


@pytest.mark.parametrize(("options", "code"), [({"seeds": 4}, "SEEDS"), ({"seeds": 0}, "SEEDS"), ({"jobs": 0}, "JOBS")])
def test_options_that_make_no_sense_are_refused_before_anything_is_trained(
    options: dict[str, int], code: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refused:
        run(tmp_path, **options)
    assert refused.value.code == code
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_it_says_so_before_anything_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError) as refused:
        run(tmp_path)
    assert refused.value.code == "NO_MATPLOTLIB"
    assert not list(tmp_path.iterdir())
