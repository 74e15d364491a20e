"""The losses against figures worked out by hand."""

import math

import pytest
import torch

from xlforget.unlearn.objective import adaptive, kl, toward

TEACHER = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.25, 0.25]])
STUDENT = torch.full((3, 3), 1 / 3)
TARGETS = torch.tensor([0, 1, 2])
CE = math.log(3)
# log 3 less the teacher's entropy.
DIVERGENCE = [CE + sum(p * math.log(p) for p in row) for row in ([0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.25, 0.25])]


def test_kappa_is_the_probability_of_the_target_that_is_predicted() -> None:
    kappa = [0.7, 0.8, 0.25]
    wanted = [k * d + (1 - k) * CE for k, d in zip(kappa, DIVERGENCE, strict=True)]
    assert adaptive(TEACHER.log(), STUDENT.log(), TARGETS).tolist() == pytest.approx(wanted, abs=1e-6)


def test_kappa_one_is_the_divergence_and_kappa_zero_the_cross_entropy() -> None:
    logits = TEACHER.log() + 3.0, STUDENT.log() - 2.0  # what softmax takes away
    assert adaptive(*logits, TARGETS, torch.ones(3)).tolist() == pytest.approx(DIVERGENCE, abs=1e-5)
    assert adaptive(*logits, TARGETS, torch.zeros(3)).tolist() == pytest.approx([CE] * 3, abs=1e-5)
    assert kl(*logits).tolist() == pytest.approx(DIVERGENCE, abs=1e-5)


def test_a_constant_kappa_and_the_teachers_own_may_stand_side_by_side() -> None:
    mixed = adaptive(TEACHER.log(), STUDENT.log(), TARGETS, torch.tensor([1.0, math.nan, 0.0]))
    assert mixed.tolist() == pytest.approx([DIVERGENCE[0], 0.8 * DIVERGENCE[1] + 0.2 * CE, CE], abs=1e-6)


def test_divergence_is_from_the_teacher_to_the_student() -> None:
    sharp, flat = torch.tensor([[0.98, 0.01, 0.01]]).log(), torch.full((1, 3), 1 / 3).log()
    assert float(kl(sharp, flat)) == pytest.approx(CE + 0.98 * math.log(0.98) + 0.02 * math.log(0.01), abs=1e-6)
    assert float(kl(flat, sharp)) > 1.2 * float(kl(sharp, flat))


def test_an_answer_is_led_to_its_level_from_above_and_from_below() -> None:
    logp = torch.tensor([-1.0, -9.5, -5.0, -4.5], requires_grad=True)
    loss = toward(logp, torch.full((4,), -5.0))
    assert loss.tolist() == pytest.approx([8.0, 10.0, 0.0, 0.125])
    loss.sum().backward()
    assert logp.grad is not None
    assert logp.grad.tolist() == pytest.approx([4.0, -4.0, 0.0, 0.5])
