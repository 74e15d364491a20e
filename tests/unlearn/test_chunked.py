"""The chunked loss is the same number with the same gradients as one large matrix."""

import pytest
import torch
from torch import Tensor

from xlforget.lm import Head
from xlforget.unlearn import chunked
from xlforget.unlearn.chunked import summed
from xlforget.unlearn.objective import adaptive, token_logp

N, D, V = 23, 8, 17


def weighted(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    return token_logp(logits, targets) * weights


@pytest.mark.parametrize("scale", [1.0, 0.25])
@pytest.mark.parametrize("cap", [None, 3.0])
@pytest.mark.parametrize("biased", [False, True])
def test_chunks_give_the_direct_loss_and_gradients(
    monkeypatch: pytest.MonkeyPatch, scale: float, cap: float | None, biased: bool
) -> None:
    monkeypatch.setattr(chunked, "ELEMENTS", 5 * V)
    torch.manual_seed(0)
    hidden, weight = (2 * torch.randn(N, D)).requires_grad_(), torch.randn(V, D, requires_grad=True)
    bias = torch.randn(V, requires_grad=True) if biased else None
    head = Head(weight, bias, scale, cap)
    targets, weights = torch.randint(0, V, (N,)), torch.rand(N)
    leaves = [hidden, weight, *([bias] if bias is not None else [])]

    direct = weighted(head(hidden), targets, weights).sum()
    ours = summed(weighted, hidden, head, targets, weights)

    assert float(ours.detach()) == pytest.approx(float(direct.detach()), abs=1e-4)
    wanted = torch.autograd.grad(direct / 7, leaves)
    for got, want in zip(torch.autograd.grad(ours / 7, leaves), wanted, strict=True):
        torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def test_a_loss_on_two_logits_gives_no_gradient_to_the_teacher_and_the_direct_one_to_the_student(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunked, "ELEMENTS", 4 * V)
    torch.manual_seed(1)
    hidden, weight = torch.randn(N, D, requires_grad=True), torch.randn(V, D, requires_grad=True)
    teacher, targets = torch.randn(N, V), torch.randint(0, V, (N,))
    head = Head(weight, None, 1.0, None)

    def loss(logits: Tensor, expected: Tensor, target: Tensor) -> Tensor:
        return adaptive(expected, logits, target)

    direct = torch.autograd.grad(adaptive(teacher, head(hidden), targets).sum(), [hidden, weight])
    ours = torch.autograd.grad(summed(loss, hidden, head, teacher, targets), [hidden, weight])
    for got, want in zip(ours, direct, strict=True):
        torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def test_no_position_is_a_loss_of_nothing_that_can_be_taken_backwards() -> None:
    hidden = torch.empty(0, D, requires_grad=True)
    loss = summed(token_logp, hidden, Head(torch.randn(V, D), None, 1.0, None), torch.empty(0, dtype=torch.long))
    loss.backward()
    assert float(loss.detach()) == 0.0
