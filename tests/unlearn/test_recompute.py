"""Activations computed again are the same activations, without dropout, and fewer of them are kept."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from xlforget.corpus.encode import Encoded, Encoder
from xlforget.errors import UsageError
from xlforget.lm import Lm
from xlforget.unlearn.recompute import keep, recompute
from xlforget.unlearn.step import LEARN, TEACHERS_OWN, Asked, backward
from xlforget.unlearn.teacher import Teacher

NewLm = Callable[[int], Lm]


@pytest.fixture(scope="module")
def texts(encoder: Encoder, sentences: Sequence[str]) -> list[Encoded]:
    return [encoder.encode(text, None) for text in sentences]


@contextmanager
def counted() -> Iterator[list[int]]:
    """Bytes that autograd keeps for the backward pass."""
    sizes: list[int] = []

    def pack(kept: Tensor) -> Tensor:
        sizes.append(kept.numel() * kept.element_size())
        return kept

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept):
        yield sizes


def gradients(lm: Lm, texts: list[Encoded]) -> tuple[dict[str, Tensor], int]:
    asked = [Asked("retain", k, range(1, len(text.ids)), 0.1, TEACHERS_OWN if k % 2 else LEARN) for k, text in enumerate(texts)]
    teacher = Teacher.run(lm, texts)
    with counted() as sizes:
        backward(lm, teacher, texts, asked)
    return {name: p.grad.clone() for name, p in lm.model.named_parameters() if p.grad is not None}, sum(sizes)


def test_gradients_are_equal_and_less_is_kept(new_lm: NewLm, texts: list[Encoded]) -> None:
    plain, lm = new_lm(3), new_lm(3)
    for own in (plain, lm):
        for layer in own.model.model.layers:
            layer.self_attn.attention_dropout = 0.5  # not in training, not in what is computed again
    recompute(lm.model)
    wanted, all_kept = gradients(plain, texts)
    found, kept = gradients(lm, texts)
    assert len(found) == len(wanted) > 0
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5, rtol=1e-5, msg=name)
    assert kept < 0.2 * all_kept


def test_it_is_undone(new_lm: NewLm, texts: list[Encoded]) -> None:
    lm = new_lm(3)
    before = gradients(lm, texts)[1]
    recompute(lm.model)
    keep(lm.model)
    assert gradients(lm, texts)[1] == before


def test_a_model_whose_blocks_are_not_known_is_refused() -> None:
    plain: Any = torch.nn.Sequential(torch.nn.Linear(4, 4))
    with pytest.raises(UsageError) as caught:
        recompute(plain)
    assert caught.value.code == "CHECKPOINTING"
