"""The teacher: cached or live it says the same, it is asked where it may be, and a run that goes on does not run it twice."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertLMHeadModel, Gemma2Config, Gemma2ForCausalLM, PreTrainedTokenizerFast

from xlforget import model_io
from xlforget.corpus.batches import pad
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.lm import Lm
from xlforget.unlearn.states import Store
from xlforget.unlearn.step import IMITATE, LEARN, TEACHERS_OWN, Asked, Floats, backward
from xlforget.unlearn.teacher import Cached, Live, Teacher

NewLm = Callable[[int], Lm]
LEVELS = np.array([-9.0, -3.0, -6.0], np.float32)
LOSSES = {
    "the teacher's own kappa": [
        Asked("retain", 0, range(1, 8), 0.25, TEACHERS_OWN),
        Asked("retain", 5, (2, 4), 0.5, TEACHERS_OWN),
    ],
    "a constant kappa": [Asked("retain", 5, range(1, 7), 0.5, 0.3), Asked("retain", 1, range(2, 4), 0.5, 0.9)],
    "imitation": [Asked("context", 4, range(1, 3), 0.75, IMITATE), Asked("retain", 2, range(1, 6), 0.125, IMITATE)],
    "learning": [Asked("retain", 0, range(1, 5), 1.0, LEARN)],
    "ascent": [Asked("forget", 7, (2, 4), -0.25, LEARN)],
    "levels": [Asked("forget", 4, range(3, 6), 0.5, levels=LEVELS)],
}
LOSSES["all of them"] = [one for asked in list(LOSSES.values()) for one in asked]


@pytest.fixture(scope="module")
def texts(encoder: Encoder, sentences: Sequence[str]) -> list[Encoded]:
    return [encoder.encode(text, None) for text in sentences]


@pytest.fixture
def strange(tokenizer: PreTrainedTokenizerFast) -> Lm:
    """A real model whose head is more than a linear map: a layer and a norm stand before it."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, is_decoder=True, pad_token_id=1, initializer_range=0.5,
    )  # fmt: skip
    return Lm(BertLMHeadModel(config).eval())


def outcome(lm: Lm, teacher: Teacher, texts: Sequence[Encoded], asked: Sequence[Asked]) -> tuple[Floats, dict[str, torch.Tensor]]:
    lm.model.zero_grad()
    found = backward(lm, teacher, texts, asked)
    return found, {name: p.grad.clone() for name, p in lm.model.named_parameters() if p.grad is not None}


def assert_same(one: tuple[Floats, dict[str, torch.Tensor]], other: tuple[Floats, dict[str, torch.Tensor]]) -> None:
    np.testing.assert_allclose(one[0], other[0], atol=1e-5, rtol=1e-5)
    assert one[1].keys() == other[1].keys()
    assert len(one[1]) > 5
    for name, gradient in one[1].items():
        torch.testing.assert_close(gradient, other[1][name], atol=1e-5, rtol=1e-5, msg=name)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_cached_teacher_gives_the_losses_and_gradients_of_a_live_one(
    new_lm: NewLm, texts: list[Encoded], tmp_path: Path, loss: str
) -> None:
    lm = new_lm(3)
    live = Live(Lm(copy.deepcopy(lm.model), whole=True), texts)
    cached = Teacher.run(lm, texts, store=Store(tmp_path / "states", "key"))
    assert isinstance(cached, Cached)
    assert (tmp_path / "states").is_file()
    lm.model.load_state_dict(new_lm(4).model.state_dict())
    assert_same(outcome(lm, cached, texts, LOSSES[loss]), outcome(lm, live, texts, LOSSES[loss]))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_student_taken_whole_has_the_losses_and_gradients_of_one_with_a_head(
    new_lm: NewLm, texts: list[Encoded], loss: str
) -> None:
    lm = new_lm(3)
    teacher = Teacher.run(lm, texts)
    lm.model.load_state_dict(new_lm(4).model.state_dict())
    whole = Lm(lm.model, whole=True)
    assert_same(outcome(lm, teacher, texts, LOSSES[loss]), outcome(whole, teacher, texts, LOSSES[loss]))


def test_a_head_that_is_not_understood_makes_the_teacher_live_and_the_model_whole(strange: Lm, texts: list[Encoded]) -> None:
    teacher = Teacher.run(strange, texts)
    assert isinstance(teacher, Live)
    assert strange.whole
    batch = pad(texts, [0, 3])
    with torch.no_grad():
        before = strange.model(input_ids=batch.ids, attention_mask=batch.attention).logits
        assert torch.equal(strange.head(strange.hidden(batch)), before)
        for parameter in strange.model.parameters():
            parameter.add_(0.3)
        at = [[2, 5], [1, 4, 6]]
        said = teacher.head(teacher.hidden([3, 0], at))
    wanted = torch.cat([before[1, [1, 4]], before[0, [0, 3, 5]]])
    torch.testing.assert_close(said, wanted, atol=1e-5, rtol=1e-5)


def test_such_a_model_is_known_as_soon_as_it_is_opened(
    strange: Lm, new_lm: NewLm, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    for name, lm in (("strange", strange), ("plain", new_lm(0))):
        lm.model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    assert model_io.open_model(str(tmp_path / "strange"), "cpu").lm.whole
    assert model_io.reopen(tmp_path / "strange", "cpu").whole
    assert not model_io.open_model(str(tmp_path / "plain"), "cpu").lm.whole


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rounding_is_no_reason_to_take_a_model_whole_but_a_factor_is(
    tokenizer: PreTrainedTokenizerFast, texts: list[Encoded], dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=32, final_logit_softcapping=5.0, initializer_range=0.5,
    )  # fmt: skip
    model = Gemma2ForCausalLM(config).eval()
    lm = Lm(model.to(dtype))
    batch = pad(texts, range(len(texts)))
    lm.check(batch)
    assert not lm.whole
    lm.model.config.final_logit_softcapping = None  # the model would have read it: now our head knows of no cap
    head = lm.head
    lm.model.config.final_logit_softcapping = 5.0
    Broken = type("Broken", (Lm,), {"head": property(lambda _: head)})
    broken = Broken(lm.model)
    broken.check(batch)
    assert broken.whole


def forwards(lm: Lm) -> list[int]:
    """Grows by one with every pass through the model."""
    seen: list[int] = []
    lm.model.model.register_forward_hook(lambda *_: seen.append(1))
    return seen


def test_a_run_that_goes_on_reads_the_states_and_does_not_run_the_teacher(
    new_lm: NewLm, texts: list[Encoded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [range(1, len(text.ids)) for text in texts]
    lm, keep = new_lm(3), Store(tmp_path / "states", "key")
    seen = forwards(lm)
    first = Teacher.run(lm, texts, asked, keep)
    checked = 2
    assert len(seen) > checked
    seen.clear()
    second = Teacher.run(lm, texts, asked, keep)
    assert len(seen) == checked
    rows = list(range(len(texts)))
    assert torch.equal(first.hidden(rows, asked), second.hidden(rows, asked))
    seen.clear()
    Teacher.run(lm, texts, asked, Store(tmp_path / "states", "another key"))
    assert len(seen) > checked


def test_the_teacher_cannot_be_asked_where_it_was_not_run(new_lm: NewLm, texts: list[Encoded]) -> None:
    asked = [range(1, 4), *(range(0) for _ in texts[1:])]
    teacher = Teacher.run(new_lm(3), texts, asked)
    assert teacher.hidden([0], [(1, 3)]).shape == (2, 64)
    for row, at in ((0, (2, 4)), (1, (1,)), (0, (0, 1))):
        with pytest.raises(LookupError):
            teacher.hidden([row], [at])
