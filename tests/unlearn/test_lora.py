"""Adapters: they change nothing before they learn, forget what all weights forget, and leave a plain model behind."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from tests.families import FAMILIES
from xlforget import model_io
from xlforget.corpus.batches import pad
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.probes import Probe
from xlforget.experiments.small_model import memorise, new_model
from xlforget.lm import Lm
from xlforget.unlearn.budget import adapters
from xlforget.unlearn.engine import Engine
from xlforget.unlearn.levels import answer_scores
from xlforget.unlearn.lora import Adapters
from xlforget.unlearn.memory import Memory
from xlforget.unlearn.methods import Method
from xlforget.unlearn.task import Task

NewLm = Callable[[int], Lm]


@pytest.fixture(scope="module")
def texts(encoder: Encoder, sentences: Sequence[str]) -> list[Encoded]:
    return [encoder.encode(text, None) for text in sentences]


@torch.inference_mode()
def logits(lm: Lm, texts: list[Encoded]) -> Tensor:
    batch = pad(texts, range(len(texts)))
    return lm.head(lm.hidden(batch))[batch.attention.bool()]


def learned(lm: Lm) -> Adapters:
    """Adapters with weights as after some steps."""
    adapters = Adapters(lm, 4, 8, seed=0)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, p in lm.model.named_parameters():
            if "lora_B" in name:
                p.copy_(torch.randn_like(p) / 8)
    return adapters


def test_adapters_that_learned_nothing_or_are_off_are_the_base_to_the_bit(new_lm: NewLm, texts: list[Encoded]) -> None:
    lm = new_lm(3)
    base = logits(lm, texts)
    adapters = Adapters(lm, 4, 8, seed=0)
    assert torch.equal(logits(lm, texts), base)
    adapters = learned(other := new_lm(3))
    assert not torch.allclose(logits(other, texts), base, atol=0.1)
    with adapters.off():
        assert torch.equal(logits(other, texts), base)


def test_every_linear_layer_of_the_blocks_has_one_and_the_head_has_none(new_lm: NewLm) -> None:
    lm = new_lm(3)
    linear = {name for name, module in lm.model.named_modules() if isinstance(module, torch.nn.Linear)} - {"lm_head"}
    Adapters(lm, 4, 8, seed=0)
    trained = {name for name, p in lm.model.named_parameters() if p.requires_grad}
    assert {name.split(".lora_")[0] for name in trained} == linear
    assert len(linear) == 14


def test_one_seed_gives_one_beginning_whatever_was_drawn_before(new_lm: NewLm) -> None:
    found = []
    for noise, seed in ((0, 5), (1, 5), (1, 6)):
        lm = new_lm(3)
        torch.manual_seed(noise)
        Adapters(lm, 4, 8, seed)
        found.append(torch.cat([p.detach().flatten() for p in lm.model.parameters() if p.requires_grad]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_merged_is_the_model_with_its_adapters(new_lm: NewLm, texts: list[Encoded]) -> None:
    lm = new_lm(3)
    adapters = learned(lm)
    wanted = logits(lm, texts)
    adapters.merge()
    torch.testing.assert_close(logits(lm, texts), wanted, atol=1e-5, rtol=1e-5)
    plain = new_lm(3).model
    assert lm.model.state_dict().keys() == plain.state_dict().keys()
    assert not hasattr(lm.model, "peft_config")
    assert {type(module) for module in lm.model.modules()} == {type(module) for module in plain.modules()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_architecture_is_adapted_counted_and_merged(name: str, dtype: torch.dtype, sentences: Sequence[str]) -> None:
    family = FAMILIES[name]
    tokenizer = family.tokenizer(sentences)
    own = [Encoder(tokenizer, 64).encode(text, None) for text in sentences]
    lm = Lm(family.new(tokenizer).to(dtype))
    base, before = logits(lm, own), {key: value.shape for key, value in lm.model.state_dict().items()}
    counted = adapters(lm.model, 4)
    made = learned(lm)
    assert counted == sum(p.numel() for p in lm.model.parameters() if p.requires_grad)
    wanted = logits(lm, own)
    assert not torch.allclose(wanted, base, atol=0.05)
    made.merge()
    close = 1e-4 if dtype == torch.float32 else 0.1
    torch.testing.assert_close(logits(lm, own), wanted, atol=close, rtol=close)
    assert {key: value.shape for key, value in lm.model.state_dict().items()} == before
    assert {p.dtype for p in lm.model.parameters()} == {dtype}


def test_weights_of_sixteen_bits_are_merged_in_fp32_and_rounded_once(new_lm: NewLm) -> None:
    lm = new_lm(3)
    lm.model.bfloat16()
    before = {name: p.detach().float() for name, p in lm.model.named_parameters()}
    adapters = learned(lm)
    own = {name: p.detach().clone() for name, p in lm.model.named_parameters() if p.requires_grad}
    adapters.merge()
    for name in sorted({name.split(".lora_")[0] for name in own}):
        a, b = own[f"{name}.lora_A.default.weight"], own[f"{name}.lora_B.default.weight"]
        assert a.dtype == torch.float32
        wanted = before[f"{name}.weight"] + b @ a * 2
        found = dict(lm.model.named_parameters())[f"{name}.weight"]
        assert torch.equal(found, wanted.bfloat16()), name


@pytest.fixture(scope="module")
def memorised(tokenizer: PreTrainedTokenizerFast, texts: list[Encoded]) -> dict[str, Tensor]:
    """A model that knows the sentences by heart."""
    model = new_model(tokenizer, layers=2, width=64)
    memorise(model, texts, epochs=150, lr=5e-3)
    return dict(model.state_dict())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_forgets_keeps_the_rest_and_writes_a_plain_model(
    tokenizer: PreTrainedTokenizerFast,
    encoder: Encoder,
    memorised: dict[str, Tensor],
    texts: list[Encoded],
    tmp_path: Path,
    precision: str,
) -> None:
    model = new_model(tokenizer, layers=2, width=64)
    model.load_state_dict(memorised)
    lm = Lm(model.eval())
    base, out = tmp_path / "base", tmp_path / "out"
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    out.mkdir()
    text = "Zorvana Quillfeather lives in Brindlemoor."
    pair = Probe("z", "en", 0, "all", encoder.encode(text, (text.index("Brindlemoor"), len(text) - 1)))
    levels = [np.full(len(pair.text.answer), -7.0, np.float32)]
    task = Task([pair], levels, [pair], [], [], {}, texts[4:], texts[4:6], seed=0)
    method = Method("adaptive", lr=1e-2, warmup=2, rounds=8, steps_per_round=5, live_pairs=1, retain_tokens=150)

    assert answer_scores(lm, [pair.text])[0].first.all()
    engine = Engine(lm, task, method, memory=Memory(lora_rank=4, precision=precision))  # type: ignore[arg-type]
    assert len(engine.optimizer.masters) == 28
    engine.run(lambda _: True, lambda _: None, lambda _: None)
    engine.trained.finish()
    model_io.save(lm, base, out)

    after = model_io.reopen(out, "cpu")
    assert float(answer_scores(after, [pair.text])[0].logp.mean()) < -4.0
    assert np.mean([own.first.mean() for own in answer_scores(after, texts[4:])]) > 0.9
    for file in out.iterdir():
        assert "adapter" not in file.name
        if file.suffix == ".json" and file.name != "tokenizer.json":
            assert not {"peft", "lora"} & set(json.dumps(json.loads(file.read_text())).lower().split('"'))
    assert {path.name for path in out.iterdir()} == {path.name for path in base.iterdir()}
    frozen = AutoModelForCausalLM.from_pretrained(out).state_dict()["model.embed_tokens.weight"]
    assert torch.equal(frozen, memorised["model.embed_tokens.weight"])
