"""What `bench speed` compares: the same loss on the same texts, and honest ratios."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from xlforget.experiments import speed_tables
from xlforget.experiments.shapes import SHAPES
from xlforget.experiments.speed import TEXTS
from xlforget.experiments.speed_ways import WAYS, Bed

WAYS_RUN = ("plain", "floor", "ours", "naive")


def costs(**seconds: float) -> list[dict[str, Any]]:
    return [{"way": way, "seconds": seconds[way], "memory": 100.0, "loss": None} for way in WAYS_RUN]


def test_our_step_and_the_naive_one_take_the_same_gradients() -> None:
    found = {}
    for way in ("ours", "naive"):
        bed = Bed(SHAPES["tiny"], TEXTS["tiny"], "cpu")
        with torch.no_grad():  # else student and teacher agree and nothing is pulled
            gradients = WAYS[way](bed)
            for n, parameter in enumerate(bed.model.parameters()):
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(n)), alpha=0.02)
        found[way] = gradients(), {name: own.grad for name, own in bed.model.named_parameters()}
    (ours, own), (naive, wanted) = found["ours"], found["naive"]
    assert ours == pytest.approx(naive, rel=1e-5)
    for name, grad in wanted.items():
        torch.testing.assert_close(own[name], grad, atol=1e-5, rtol=1e-5)


def test_ratios_are_taken_within_a_turn() -> None:
    turns = [*costs(plain=1, floor=2, ours=2, naive=4), *costs(plain=10, floor=20, ours=20, naive=40)]
    turns += costs(plain=1, floor=2, ours=3, naive=4)
    ours = speed_tables.document(SHAPES["small"], TEXTS["small"], "cpu", turns)["ways"]["ours"]
    assert ours["floor"] == {"ratio": 1.0, "least": 1.0, "most": 1.5}
    assert ours["naive"]["ratio"] == 0.5


@pytest.mark.parametrize(
    ("ours", "memory", "held"), [(2.19, 100, True), (2.3, 100, False), (2.0, 224, True), (2.0, 226, False)]
)  # fmt: skip
def test_it_holds_within_the_targets_and_the_memory_of_a_plain_step_and_a_head(ours: float, memory: float, held: bool) -> None:
    found = costs(plain=1.9, floor=2.0, ours=ours, naive=4.5)
    found[2]["memory"] = memory
    assert speed_tables.holds(speed_tables.document(SHAPES["small"], TEXTS["small"], "cpu", found)) is held


@pytest.mark.slow
def test_the_command_runs_every_way_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "xlforget", "bench", "speed", "--quick", "--out", "bench", "--json", "-"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert [own["way"] for own in found["turns"]] == list(WAYS_RUN)
    assert all(own["seconds"] > 0 and own["memory"] > 0 for own in found["turns"])
    assert found["ways"]["ours"]["loss"] == pytest.approx(found["ways"]["naive"]["loss"], rel=1e-4)
    assert "| our step |" in (tmp_path / "bench" / "speed" / "results.md").read_text()
