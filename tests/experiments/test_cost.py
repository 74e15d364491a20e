"""What `bench cost` prints: every stage once, and what a user waits for beside the loading of the model."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from xlforget import pipeline
from xlforget.asked import Apply
from xlforget.errors import MachineError, UsageError
from xlforget.experiments import cost, large_model, shapes
from xlforget.experiments.cost import LOADING, markdown
from xlforget.measure.verdict import Verdict
from xlforget.output import Applied

STAGES = [("reading the request", 1.0, 2.0), (LOADING, 30.0, 9.0), ("unlearning", 20.0, 12.5), ("writing the papers", 0.5, None)]


def document() -> dict[str, object]:
    stages = [{"name": name, "seconds": seconds, "memory": memory} for name, seconds, memory in STAGES]
    machine = dict.fromkeys(("processor", "cores", "threads", "torch", "transformers", "python", "xlforget"), "x")
    return {
        "set": "flores", "shape": {"name": "tiny"}, "device": "cpu", "stages": stages, "pairs": 4, "languages": 2,
        "ma": {"before": 0.99, "after": 0.1}, "passed": False, "failed": ["ma: FAIL"],
        "command": "xlforget bench cost", "finished": "now", "machine": machine,
    }  # fmt: skip


def test_the_sum_is_told_with_and_without_the_loading_of_the_model() -> None:
    text = markdown(document())
    assert "| all | 51.5 | 12.5 |" in text
    assert "| without loading the model | 21.5 |  |" in text
    assert "the gate failed; ma: FAIL" in text


def forgotten(asked: Apply, watch: pipeline.Watch) -> Applied:
    """A run that found nothing to forget."""
    for stage in (LOADING, "writing the papers"):
        watch.stage(stage)
    verdict = Verdict(
        passed=True, alpha=0.01, profile=asked.profile, tests=(), bounds=(), languages=(), smallest_leak=None,
        nothing_memorised=True,
    )  # fmt: skip
    return Applied(verdict, asked.out)


def test_a_base_that_knows_nothing_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shapes.SHAPES, "tiny", replace(shapes.SHAPES["tiny"], epochs=1))
    monkeypatch.setattr(pipeline, "apply", forgotten)  # the run itself is that of every other test of it
    found = cost.run("phrasebook", None, tmp_path, "tiny", "cpu", quick=True, say=lambda line: None)
    assert not found.passed, "though the gate passed"
    assert [own["name"] for own in found.document["stages"]] == ["reading the request", LOADING, "writing the papers"]
    assert all(own["seconds"] >= 0 and own["memory"] is None for own in found.document["stages"])
    assert (tmp_path / "phrasebook-quick" / "tiny" / "results.md").read_text() == found.markdown


def test_a_shape_that_is_none_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        cost.run("phrasebook", None, tmp_path, "llama-9000b", "cpu", quick=False, say=lambda line: None)
    assert "xglm-564m" in str(caught.value.do)


def test_a_model_that_falls_apart_while_it_learns_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_model, "backward", lambda lm, batch: float(torch.nan))
    with pytest.raises(MachineError):
        cost.run("phrasebook", None, tmp_path, "tiny", "cpu", quick=True, say=lambda line: None)
    assert not (tmp_path / "phrasebook-quick" / "tiny" / "base").exists()
