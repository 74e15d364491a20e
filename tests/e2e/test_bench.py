"""The main experiment on invented people: memorise, erase through the commands, compare with a model that never knew."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


def bench(where: Path, *options: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("XLFORGET")}
    command = [sys.executable, "-m", "xlforget", "bench", *options]
    return subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def results(where: Path) -> dict[str, Any]:
    done = bench(where, "main", "--out", "bench", "--quick", "--json", "results.json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((where / "results.json").read_text())
    return found


def test_apply_and_verify_end_with_0(results: dict[str, Any]) -> None:
    assert [own["code"] for own in results["commands"]] == [0, 0, 0, 0]
    assert "--evidence" in results["commands"][-1]["command"]


def test_the_gate_passes_what_forgot_or_never_knew_and_not_the_base(results: dict[str, Any]) -> None:
    assert {name: own["passes_gate"] for name, own in results["models"].items()} == {
        "base": False, "gold": True, "edited": True,
    }  # fmt: skip


def test_the_edited_model_scores_the_facts_about_as_the_one_that_never_knew(results: dict[str, Any]) -> None:
    assert results["ks"]["base to gold"] > 0.8
    assert results["ks"]["edited to gold"] <= 0.5


def test_judging_costs_a_part_of_what_unlearning_does(results: dict[str, Any], where: Path) -> None:
    judged = results["cost"]["judging"]
    assert 0 < judged["quick"] < judged["full"]
    assert judged["quick"] < results["cost"]["unlearning"]
    lines = (where / "bench" / "phrasebook-quick" / "results.md").read_text().splitlines()
    (told,) = (line for line in lines if "Unlearning took" in line)
    assert f"`quick` {judged['quick']:.1f} s" in told


def test_what_stays_stays(results: dict[str, Any]) -> None:
    edited = results["models"]["edited"]
    assert edited["retain_ratio"]["mean"] >= 0.98
    assert edited["bystanders_ratio"]["mean"] >= 0.6


def test_one_pass_gives_the_ma_that_greedy_decoding_from_every_prefix_gives_and_is_faster(
    results: dict[str, Any], where: Path
) -> None:
    """Of the base that the main experiment has trained."""
    ended = bench(where, "ma", "--quick", "--model", "bench/phrasebook-quick/base", "--out", "bench", "--json", "ma.json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads((where / "ma.json").read_text())
    assert all(way["same_hits"] for way in found["ways"])
    assert len({way["ma"] for way in found["ways"]}) == 1
    assert found["ways"][0]["ma"] > 0.5
    assert found["pairs"] == 24
    assert found["ways"][-1]["ratio"] > 2.0
    assert "yes |" in (where / "bench" / "phrasebook-quick" / "ma" / "results.md").read_text()
