"""One step's losses and gradients against the definitions, written out token by token with two live models."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from xlforget.corpus.encode import Encoded, Encoder
from xlforget.lm import Lm
from xlforget.unlearn.objective import DELTA
from xlforget.unlearn.step import IMITATE, LEARN, TEACHERS_OWN, Asked, backward
from xlforget.unlearn.teacher import Teacher

NewLm = Callable[[int], Lm]


@pytest.fixture(scope="module")
def texts(encoder: Encoder, sentences: Sequence[str]) -> list[Encoded]:
    return [encoder.encode(text, None) for text in sentences]


def every_kind(texts: Sequence[Encoded]) -> list[Asked]:
    last = [len(text.ids) for text in texts]
    return [
        Asked("retain", 0, range(1, last[0]), 0.25, TEACHERS_OWN),
        Asked("retain", 5, range(1, last[5]), 0.5, 0.3),
        Asked("retain", 2, range(1, last[2]), 0.125, IMITATE),
        Asked("forget", 4, range(3, 6), 0.5, levels=np.array([-9.0, -3.0, -6.0], np.float32)),
        Asked("context", 4, range(1, 3), 0.75),
        Asked("forget", 7, (2, 4), -0.25, LEARN),
    ]


def naive(lm: Lm, teacher: Lm, texts: Sequence[Encoded], one: Asked) -> Tensor:
    """[len(at)]: kappa is the teacher's probability of the token that comes next, given the tokens before it alone."""
    losses = []
    for number, t in enumerate(one.at):
        prefix, target = torch.tensor([texts[one.row].ids[:t]]), texts[one.row].ids[t]
        q = torch.log_softmax(lm.model(input_ids=prefix).logits[0, -1], -1)
        with torch.no_grad():
            p = torch.log_softmax(teacher.model(input_ids=prefix).logits[0, -1], -1)
        kappa = float(p[target].exp()) if math.isnan(one.kappa) else one.kappa
        if one.levels is not None:
            losses.append(F.huber_loss(q[target], torch.tensor(float(one.levels[number])), delta=DELTA))
        else:
            losses.append(kappa * (p.exp() * (p - q)).sum() - (1 - kappa) * q[target])
    return torch.stack(losses)


def test_losses_and_gradients_are_those_of_the_definitions_on_a_model_that_has_moved(new_lm: NewLm, texts: list[Encoded]) -> None:
    teacher, lm, plain = new_lm(3), new_lm(3), new_lm(4)
    cached = Teacher.run(lm, texts)
    lm.model.load_state_dict(plain.model.state_dict())
    asked = every_kind(texts)
    found = backward(lm, cached, texts, asked, 40)

    values = [naive(plain, teacher, texts, one) for one in asked]
    torch.stack([(one.weight * value).sum() for one, value in zip(asked, values, strict=True)]).sum().backward()
    for (name, got), want in zip(lm.model.named_parameters(), plain.model.parameters(), strict=True):
        assert got.grad is not None, name
        assert want.grad is not None, name
        torch.testing.assert_close(got.grad, want.grad, atol=2e-5, rtol=1e-4, msg=name)
    assert found.tolist() == pytest.approx([float(value.detach().mean()) for value in values], rel=1e-4)


def test_gradients_are_the_same_for_every_budget(new_lm: NewLm, texts: list[Encoded]) -> None:
    many = [*texts] * 12
    asked = [replace(one, row=one.row + len(texts) * k) for k in range(12) for one in every_kind(texts)]
    lm = new_lm(3)
    cached = Teacher.run(lm, many)
    found = []
    for budget in (2048, 64):
        lm.model.zero_grad()
        backward(lm, cached, many, asked, budget)
        found.append({name: p.grad.clone() / 12 for name, p in lm.model.named_parameters() if p.grad is not None})
    for name, one in found[0].items():
        torch.testing.assert_close(one, found[1][name], atol=1e-5, rtol=1e-5, msg=name)


def test_gradients_are_added_to_those_that_stand(new_lm: NewLm, texts: list[Encoded]) -> None:
    lm = new_lm(3)
    cached = Teacher.run(lm, texts)
    once: dict[str, Tensor] = {}
    for _ in range(2):
        backward(lm, cached, texts, [Asked("retain", 0, range(1, 5), 1.0, LEARN)])
        once = once or {name: p.grad.clone() for name, p in lm.model.named_parameters() if p.grad is not None}
    for name, p in lm.model.named_parameters():
        if p.grad is not None:
            torch.testing.assert_close(p.grad, 2 * once[name])
