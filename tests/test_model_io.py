"""What is known of a model before anything is asked of it, and in which numbers it is written."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BloomConfig, Gemma3Config, GPT2Config, PretrainedConfig, PreTrainedTokenizerFast

from xlforget import model_io
from xlforget.errors import MachineError
from xlforget.lm import Lm

NewLm = Callable[[int], Lm]


def base(where: Path, lm: Lm, tokenizer: PreTrainedTokenizerFast, dtype: torch.dtype) -> Path:
    lm.model.to(dtype).save_pretrained(where)
    tokenizer.save_pretrained(where)
    return where


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_dtype_of_the_base_is_kept(
    new_lm: NewLm, tokenizer: PreTrainedTokenizerFast, tmp_path: Path, dtype: torch.dtype
) -> None:
    folder, out = base(tmp_path / "base", new_lm(0), tokenizer, dtype), tmp_path / "out"
    opened = model_io.open_model(str(folder), "cpu")
    assert opened.lm.model.dtype == torch.float32
    with torch.no_grad():
        for p in opened.lm.model.parameters():
            p.mul_(1.5)
    wanted = {name: p.detach().to(dtype) for name, p in opened.lm.model.named_parameters()}
    out.mkdir()
    model_io.save(opened.lm, folder, out)
    written = load_file(out / "model.safetensors")
    assert written.keys() == wanted.keys()
    for name, value in wanted.items():
        assert written[name].dtype == dtype
        assert torch.equal(written[name], value), name
    assert model_io.reopen(out, "cpu").model.config.dtype == torch.float32  # as it is held here
    assert f'"dtype": "{str(dtype).removeprefix("torch.")}"' in (out / "config.json").read_text()


def test_a_tensor_in_other_numbers_than_the_rest_keeps_them(
    new_lm: NewLm, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    folder, out = base(tmp_path / "base", new_lm(0), tokenizer, torch.bfloat16), tmp_path / "out"
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"].float()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    out.mkdir()
    model_io.save(model_io.reopen(folder, "cpu"), folder, out)
    kinds = {name: tensor.dtype for name, tensor in load_file(out / "model.safetensors").items()}
    assert kinds.pop("model.norm.weight") == torch.float32
    assert set(kinds.values()) == {torch.bfloat16}


def test_a_weight_too_large_for_the_files_numbers_is_not_written(
    new_lm: NewLm, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    folder, out = base(tmp_path / "base", new_lm(0), tokenizer, torch.float16), tmp_path / "out"
    lm = model_io.reopen(folder, "cpu")
    with torch.no_grad():
        next(lm.model.parameters())[0, 0] = 1e5
    out.mkdir()
    with pytest.raises(MachineError) as caught:
        model_io.save(lm, folder, out)
    assert caught.value.code == "NOT_FINITE"
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "context"),
    [
        (GPT2Config(n_positions=77), 77),
        (Gemma3Config(text_config={"max_position_embeddings": 78, "num_hidden_layers": 1}), 78),
        (BloomConfig(), 79),
    ],
)
def test_the_length_that_a_model_reads_is_its_text_models_else_its_tokenizers(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path, config: PretrainedConfig, context: int
) -> None:
    tokenizer.save_pretrained(tmp_path)
    settings = tmp_path / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"model_max_length": 79}))
    assert model_io.load_encoder(tmp_path, Lm(SimpleNamespace(config=config))).context == context
