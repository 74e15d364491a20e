"""The chunked loss is the same number with the same gradients as one large matrix."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from xlforget.lm import Head, Slate
from xlforget.unlearn.chunked import Frozen, Pulled, pulled
from xlforget.unlearn.objective import DELTA, adaptive, learn, toward

N, D, V = 23, 8, 17


class Case:
    """A student's head and a teacher's with everything that a loss is given, and the plain way with full logits."""

    def __init__(self, scale: float = 1.0, cap: float | None = None, biased: bool = False) -> None:
        torch.manual_seed(0)
        self.hidden, self.weight = (2 * torch.randn(N, D)).requires_grad_(), torch.randn(V, D, requires_grad=True)
        self.bias = torch.randn(V, requires_grad=True) if biased else None
        self.head = Head(self.weight, self.bias, scale, cap)
        self.teacher = Frozen(Head(torch.randn(V, D), None, scale, cap), torch.randn(N, D))
        self.targets, self.weights = torch.randint(0, V, (N,)), torch.rand(N) - 0.3
        self.kappa = torch.rand(N).masked_fill(torch.rand(N) < 0.5, torch.nan)
        self.tau = -8 * torch.rand(N)

    def leaves(self) -> Sequence[Tensor]:
        return [self.hidden, self.weight, *([self.bias] if self.bias is not None else [])]

    def naive(self, loss: str) -> Tensor:
        q = torch.log_softmax(self.head(self.hidden), -1)
        p = torch.log_softmax(self.teacher.head(self.teacher.hidden), -1)
        own, known = q[range(N), self.targets], p[range(N), self.targets].exp()
        kappa = torch.where(self.kappa.isnan(), known, self.kappa)
        return {
            "learn": -own,
            "toward": F.huber_loss(own, self.tau, reduction="none", delta=DELTA),
            "adaptive": kappa * (p.exp() * (p - q)).sum(-1) - (1 - kappa) * own,
        }[loss]

    def first(self, rows: int) -> "Case":
        """So many positions of it."""
        self.teacher = self.teacher.part(slice(rows))
        for name in ("hidden", "targets", "weights", "kappa", "tau"):
            setattr(self, name, getattr(self, name)[:rows])
        return self

    def ours(self, loss: str, slate: Slate | None = None) -> Pulled:
        given = (self.hidden, self.head, self.targets, self.weights)
        if loss == "adaptive":
            return pulled(adaptive, *given, self.kappa, teacher=self.teacher, slate=slate)
        if loss == "toward":
            return pulled(toward, *given, self.tau, slate=slate)
        return pulled(learn, *given, slate=slate)


@pytest.mark.parametrize("loss", ["learn", "toward", "adaptive"])
@pytest.mark.parametrize(
    ("scale", "cap", "biased"), [(1.0, None, False), (0.25, None, True), (0.5, 3.0, True), (1.0, 3.0, False)]
)
def test_chunks_give_the_direct_loss_and_gradients(
    monkeypatch: pytest.MonkeyPatch, loss: str, scale: float, cap: float | None, biased: bool
) -> None:
    monkeypatch.setattr("xlforget.lm.ELEMENTS_CPU", 5 * V)
    monkeypatch.setattr("xlforget.lm.LEAST_CPU", 1)
    case = Case(scale, cap, biased)
    values = case.naive(loss)
    wanted = torch.autograd.grad((values * case.weights).sum(), case.leaves())
    own, slope = case.ours(loss)

    torch.testing.assert_close(own, values.detach(), atol=1e-5, rtol=1e-5)
    for got, want in zip((slope, *(leaf.grad for leaf in case.leaves()[1:])), wanted, strict=True):
        torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def test_gradients_of_the_head_are_added_to_those_that_it_has() -> None:
    case = Case(biased=True)
    case.ours("adaptive")
    once = [leaf.grad.clone() for leaf in case.leaves()[1:] if leaf.grad is not None]
    case.ours("adaptive")
    twice = [leaf.grad for leaf in case.leaves()[1:]]
    assert len(once) == 2
    for got, want in zip(twice, once, strict=True):
        torch.testing.assert_close(got, 2 * want)


def test_a_head_that_is_not_trained_gets_no_gradient() -> None:
    case = Case(biased=True)
    expected = case.ours("learn").hidden
    for leaf in case.leaves()[1:]:
        leaf.grad = None
        leaf.requires_grad_(False)
    torch.testing.assert_close(case.ours("learn").hidden, expected)
    assert [leaf.grad for leaf in case.leaves()[1:]] == [None, None]


@pytest.mark.parametrize("cap", [None, 3.0])
def test_calls_that_share_a_slate_find_what_each_finds_alone(monkeypatch: pytest.MonkeyPatch, cap: float | None) -> None:
    """Fewer positions, then more, then fewer; with a teacher and without: nothing of one call is left in the next."""
    monkeypatch.setattr("xlforget.lm.ELEMENTS_CPU", 5 * V)
    monkeypatch.setattr("xlforget.lm.LEAST_CPU", 1)
    slate = Slate()
    for rows, loss in ((3, "adaptive"), (N, "learn"), (N, "adaptive"), (2, "toward"), (4, "adaptive")):
        alone, shared = Case(cap=cap).first(rows), Case(cap=cap).first(rows)
        for own, found in zip(alone.ours(loss), shared.ours(loss, slate), strict=True):
            torch.testing.assert_close(found, own, atol=0, rtol=0)
        assert alone.weight.grad is not None
        assert shared.weight.grad is not None
        torch.testing.assert_close(shared.weight.grad, alone.weight.grad, atol=0, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("scale", "cap", "biased"), [(1.0, None, False), (0.25, None, True), (0.5, 3.0, True)])
def test_logits_that_are_written_are_those_that_are_made(
    dtype: torch.dtype, scale: float, cap: float | None, biased: bool
) -> None:
    hidden = torch.randn(N, D).to(dtype)
    head = Head(torch.randn(V, D).to(dtype), torch.randn(V).to(dtype) if biased else None, scale, cap)
    for one in (head, Head(None, None, 1.0, None)):
        out = torch.full((N, D if one.weight is None else V), torch.nan)
        assert one.write(hidden, out) is out
        torch.testing.assert_close(out, one(hidden))
