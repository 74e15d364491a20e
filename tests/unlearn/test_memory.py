"""Options of memory are refused, by name, before anything loads."""

from pathlib import Path

import pytest

from xlforget.errors import MachineError, UsageError
from xlforget.unlearn import memory
from xlforget.unlearn.memory import Memory, check, suited
from xlforget.unlearn.methods import METHODS, method


@pytest.mark.parametrize("wrong", [{"optimizer": "sgd"}, {"precision": "fp16"}])
def test_what_is_none_is_refused_with_what_there_is(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        Memory(**wrong)  # type: ignore[arg-type]
    assert "Choose one of: " in caught.value.do


def test_adapters_take_a_higher_rate_unless_one_is_given() -> None:
    preset = method("adaptive")
    assert suited(preset, Memory(), None) == preset
    assert suited(preset, Memory(lora_rank=8), None).lr > preset.lr
    assert suited(method("adaptive", lr=0.5), Memory(lora_rank=8), 0.5).lr == 0.5


def test_adapters_are_no_vector_of_all_weights() -> None:
    check(Memory(lora_rank=8), METHODS["rmu"])
    check(Memory(), METHODS["task-vector"])
    with pytest.raises(UsageError) as caught:
        check(Memory(lora_rank=8), METHODS["task-vector"])
    assert caught.value.code == "LORA"


@pytest.mark.parametrize(
    ("asked", "package", "extra"),
    [(Memory(optimizer="adamw8bit"), "bitsandbytes", "adamw8bit"), (Memory(lora_rank=8), "peft", "lora")],
)
def test_a_package_that_is_missing_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, asked: Memory, package: str, extra: str
) -> None:
    check(asked, METHODS["adaptive"])
    monkeypatch.setattr(memory, "find_spec", lambda name: None if name == package else name)
    check(Memory(), METHODS["adaptive"])
    with pytest.raises(MachineError) as caught:
        check(asked, METHODS["adaptive"])
    assert f"xlforget[{extra}]" in caught.value.do
    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'{extra} = ["{package}' in pyproject
