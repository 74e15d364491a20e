"""The losses, as functions of what is seen of the logits at each position: no state, no I/O.

Shapes: N token positions, V vocabulary. Log-probabilities are natural (nats).

Every loss here has one kind of gradient in the student's logits:

    (teacher + target) * P_student  -  teacher * P_teacher  -  target * onehot(target)

with two numbers per position, how far the student is pulled to the teacher and how far to the target. (The three factors
sum to nothing, since a loss of probabilities does not change when all logits of a position are shifted.) So a loss gives its
value and these two numbers, and no graph is kept of anything with V entries.
"""

from typing import NamedTuple

import torch
from torch import Tensor

# Nats. What is further away than this pulls no harder: with 1 whole sentences hardly move, without a bound they tear.
DELTA = 4.0


class Seen(NamedTuple):
    """Per position, [N] each: log P_student(target), KL(teacher || student), and kappa, the teacher's P(target).

    Without a teacher the last two are 0.
    """

    logp: Tensor
    divergence: Tensor
    kappa: Tensor


class Pull(NamedTuple):
    """A loss per position, [N], with the two numbers that make its gradient."""

    value: Tensor
    teacher: Tensor
    target: Tensor


def token_logp(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """log P(target) per position, [N]."""
    return torch.log_softmax(logits_NV, -1).gather(1, targets_N[:, None])[:, 0]


def learn(seen: Seen) -> Pull:
    """Cross entropy of the target."""
    return Pull(-seen.logp, torch.zeros_like(seen.logp), torch.ones_like(seen.logp))


def adaptive(seen: Seen, kappa_N: Tensor, times_N: Tensor | float = 1.0) -> Pull:
    """Retain loss: times * kappa * KL(teacher || student) + (1 - kappa) * CE (arXiv 2406.12354, where times is 1).

    kappa is the teacher's probability of the right next token (aligned with the target that it predicts) where ``kappa_N``
    is NaN, else that constant.
    """
    kappa = torch.where(kappa_N.isnan(), seen.kappa, kappa_N)
    imitated = kappa * times_N
    return Pull(imitated * seen.divergence - (1 - kappa) * seen.logp, imitated, 1 - kappa)


def toward(seen: Seen, tau_N: Tensor) -> Pull:
    """Forget loss per answer position: Huber distance of log P(answer token) to its level tau, from both sides."""
    off = seen.logp - tau_N
    near = off.clamp(-DELTA, DELTA)
    return Pull(near * (off - near / 2), torch.zeros_like(off), -near)
