"""Two real processes (gloo) hold a model in shards: what they find is what one process finds, for every architecture."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.families import FAMILIES
from tests.fleet import comparing, ranks

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory, tokenizer: "PreTrainedTokenizerFast") -> Path:
    """A folder with the models, what the two processes found, and each model as they saved it."""
    import torch

    folder = tmp_path_factory.mktemp("ranks")
    for name, family in FAMILIES.items():
        model = family.new(tokenizer)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(4.0 if parameter.dim() > 1 else 1.0)
        model.save_pretrained(folder / name)
    ranks.run(comparing.all_of, folder, folder / "log.txt")
    return folder


@pytest.fixture(scope="session")
def found(place: Path) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = json.loads((place / "found.json").read_bytes())
    return values


each = pytest.mark.parametrize("name", FAMILIES)


@each
def test_what_was_loaded_is_the_file_bit_by_bit_and_no_rank_holds_it_all(found: dict[str, dict[str, Any]], name: str) -> None:
    own = found[name]
    assert own["bitwise"]
    assert sum(own["held"]) == own["parameters"]
    assert max(own["held"]) < 0.6 * own["parameters"]


@each
def test_scores_and_samples_are_those_of_one_process(found: dict[str, dict[str, Any]], name: str) -> None:
    own = found[name]
    assert own["logp"] < 1e-5
    assert own["answers"] < 1e-5
    assert own["ma"]
    assert own["no texts"] == []
    assert own["samples"] == [True, True]
    assert own["few samples"]


@each
def test_one_step_is_that_of_one_process(found: dict[str, dict[str, Any]], name: str) -> None:
    """With activations computed again on two processes, and kept on one."""
    own = found[name]
    assert min(own["shares"]) > 0
    for figure in ("gradients", "losses", "exp_avg", "exp_avg_sq"):
        assert own[figure] < 1e-5, figure
    assert own["moved"] > 5e-4


@each
def test_attacks_and_hardening_are_those_of_one_process(found: dict[str, dict[str, Any]], name: str) -> None:
    """Steps of a gradient's sign: where that is all but zero, rounding decides."""
    own = found[name]
    for apart, moved, same in own["attacks"]:
        assert apart < 0.05 * moved
        assert same, "the weights are as they were"
    ours, alone, apart = own["leaned"]
    assert ours == pytest.approx(alone, rel=0.01)
    assert apart < 0.01 * alone


@each
def test_weights_and_moments_that_were_put_back_go_on_as_if_never_taken(found: dict[str, dict[str, Any]], name: str) -> None:
    assert found[name]["went on"]
    assert found[name]["restored"]


@each
def test_a_sharded_model_is_saved_as_a_whole_one(place: Path, name: str) -> None:
    given = {file.name: file.read_bytes() for file in (place / name).iterdir()}
    assert {file.name: file.read_bytes() for file in (place / f"{name}.saved").iterdir()} == given


def test_what_is_computed_in_bf16_is_held_and_added_up_in_fp32(found: dict[str, dict[str, Any]]) -> None:
    own = found["half"]
    assert own["computed"] == "torch.bfloat16"
    assert own["held"] == ["torch.float32"]
    assert 1e-5 < own["gradients"] < 0.03


def test_what_rank_0_no_longer_uses_leaves_the_other_ranks_too(found: dict[str, dict[str, Any]]) -> None:
    assert found["left"]["twins"] == found["left"]["made"]
    assert found["left"]["made"] == 0
