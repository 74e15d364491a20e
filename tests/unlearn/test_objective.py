"""The losses against figures worked out by hand, and their gradients against autograd on the plain formulas."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from xlforget.unlearn.objective import DELTA, Pull, Seen, adaptive, learn, token_logp, toward

TEACHER = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.25, 0.25]])
STUDENT = torch.full((3, 3), 1 / 3)
TARGETS = torch.tensor([0, 1, 2])
CE = math.log(3)
# log 3 less the teacher's entropy.
DIVERGENCE = [CE + sum(p * math.log(p) for p in row) for row in ([0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.25, 0.25])]
OWN = torch.full((3,), math.nan)


def seen(teacher: Tensor, student: Tensor, targets: Tensor = TARGETS) -> Seen:
    """What the definitions say of two rows of logits."""
    p, q = torch.log_softmax(teacher, -1), torch.log_softmax(student, -1)
    return Seen(token_logp(student, targets), (p.exp() * (p - q)).sum(-1), token_logp(teacher, targets).exp())


def test_kappa_is_the_probability_of_the_target_that_is_predicted() -> None:
    kappa = [0.7, 0.8, 0.25]
    wanted = [k * d + (1 - k) * CE for k, d in zip(kappa, DIVERGENCE, strict=True)]
    assert adaptive(seen(TEACHER.log(), STUDENT.log()), OWN).value.tolist() == pytest.approx(wanted, abs=1e-6)


def test_kappa_one_is_the_divergence_and_kappa_zero_the_cross_entropy() -> None:
    found = seen(TEACHER.log() + 3.0, STUDENT.log() - 2.0)  # what softmax takes away
    assert adaptive(found, torch.ones(3)).value.tolist() == pytest.approx(DIVERGENCE, abs=1e-5)
    assert adaptive(found, torch.zeros(3)).value.tolist() == pytest.approx([CE] * 3, abs=1e-5)
    assert learn(found).value.tolist() == pytest.approx([CE] * 3, abs=1e-5)


def test_a_constant_kappa_and_the_teachers_own_may_stand_side_by_side() -> None:
    mixed = adaptive(seen(TEACHER.log(), STUDENT.log()), torch.tensor([1.0, math.nan, 0.0])).value
    assert mixed.tolist() == pytest.approx([DIVERGENCE[0], 0.8 * DIVERGENCE[1] + 0.2 * CE, CE], abs=1e-6)


def test_an_answer_is_led_to_its_level_from_above_and_from_below() -> None:
    logp = torch.tensor([-1.0, -9.5, -5.0, -4.5])
    pull = toward(Seen(logp, logp, logp), torch.full((4,), -5.0))
    assert pull.value.tolist() == pytest.approx([8.0, 10.0, 0.0, 0.125])
    assert pull.target.tolist() == pytest.approx([-4.0, 4.0, 0.0, -0.5])


LOSSES: dict[str, tuple[Callable[[Seen], Pull], Callable[[Tensor, Tensor], Tensor]]] = {
    "learn": (learn, lambda p, q: -q[range(3), TARGETS]),
    "imitate": (lambda s: adaptive(s, torch.ones(3)), lambda p, q: (p.exp() * (p - q)).sum(-1)),
    "adaptive": (
        lambda s: adaptive(s, OWN),
        lambda p, q: (
            p[range(3), TARGETS].exp() * (p.exp() * (p - q)).sum(-1) - (1 - p[range(3), TARGETS].exp()) * q[range(3), TARGETS]
        ),
    ),
    "toward": (
        lambda s: toward(s, torch.tensor([-9.0, -1.0, -2.0])),
        lambda p, q: F.huber_loss(q[range(3), TARGETS], torch.tensor([-9.0, -1.0, -2.0]), reduction="none", delta=DELTA),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_two_numbers_make_the_gradient(name: str) -> None:
    ours, plain = LOSSES[name]
    torch.manual_seed(0)
    teacher, student = 2 * torch.randn(3, 3), (2 * torch.randn(3, 3)).requires_grad_()
    pull = ours(seen(teacher, student.detach()))
    p, q = torch.softmax(teacher, -1), torch.softmax(student.detach(), -1)
    made = (pull.teacher + pull.target)[:, None] * q - pull.teacher[:, None] * p
    made -= pull.target[:, None] * F.one_hot(TARGETS, 3)
    value = plain(torch.log_softmax(teacher, -1), torch.log_softmax(student, -1))
    (wanted,) = torch.autograd.grad(value.sum(), student)
    torch.testing.assert_close(pull.value, value.detach(), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(made, wanted, atol=1e-6, rtol=1e-5)
