"""The losses, as functions on tensors: no state, no I/O.

Shapes: N token positions, V vocabulary. Log-probabilities are natural (nats).
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def token_logp(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """log P(target) per position, [N]."""
    return torch.log_softmax(logits_NV, -1).gather(1, targets_N[:, None])[:, 0]


def kl(teacher_NV: Tensor, student_NV: Tensor) -> Tensor:
    """KL(teacher || student) per position from logits, [N]; no gradient into the teacher."""
    return F.kl_div(torch.log_softmax(student_NV, -1), torch.log_softmax(teacher_NV, -1), log_target=True, reduction="none").sum(
        -1
    )


def adaptive(teacher_NV: Tensor, student_NV: Tensor, targets_N: Tensor, kappa_N: Tensor | None = None) -> Tensor:
    """Retain loss per position, [N]: kappa * KL(teacher || student) + (1 - kappa) * CE (arXiv 2406.12354).

    kappa is the teacher's probability of the right next token (aligned with the target that it predicts) where ``kappa_N``
    is NaN or None, else that constant.
    """
    student = torch.log_softmax(student_NV, -1)
    teacher = torch.log_softmax(teacher_NV, -1)
    divergence = F.kl_div(student, teacher, log_target=True, reduction="none").sum(-1)
    entropy = -student.gather(1, targets_N[:, None])[:, 0]
    weight = teacher.gather(1, targets_N[:, None])[:, 0].exp()
    if kappa_N is not None:
        weight = torch.where(kappa_N.isnan(), weight, kappa_N)
    return weight * divergence + (1 - weight) * entropy


# Nats. What is further away than this pulls no harder: with 1 whole sentences hardly move, without a bound they tear.
DELTA = 4.0


def toward(logp_N: Tensor, tau_N: Tensor) -> Tensor:
    """Forget loss per answer position, [N]: Huber distance of log P(answer token) to its level tau, from both sides."""
    return F.huber_loss(logp_N, tau_N, reduction="none", delta=DELTA)
