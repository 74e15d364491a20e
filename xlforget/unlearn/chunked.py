"""A loss over many token positions without ever holding their logits together.

Loss and gradients are taken chunk by chunk in the forward pass, from the formula that all losses share (`objective`); backward
only scales them. Exact, and on a CPU several times faster than one large matrix, whose pages are touched once and thrown
away.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from xlforget.lm import Head
from xlforget.unlearn.objective import Pull, Seen

ELEMENTS = 2_000_000

Loss = Callable[..., Pull]


class Frozen(NamedTuple):
    """What the teacher said at the same positions: its head, and last hidden states [N, D].

    ``lowered``: how much is taken off its logit of the target, [N]; None: nothing.
    """

    head: Head
    hidden: Tensor
    lowered: Tensor | None = None

    def part(self, where: slice) -> "Frozen":
        return Frozen(self.head, self.hidden[where], None if self.lowered is None else self.lowered[where])

    def logits(self, targets: Tensor) -> Tensor:
        """[N, V], of which ``targets``, [N], are lowered."""
        logits = self.head(self.hidden)
        return logits if self.lowered is None else logits.scatter_add(1, targets[:, None], -self.lowered[:, None])


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        loss: Loss,
        head: Head,
        targets: Tensor,
        weights: Tensor,
        rest: tuple[Tensor, ...],
        teacher: Frozen | None,
    ) -> tuple[Tensor, Tensor]:
        size = max(1, ELEMENTS // (hidden.shape[1] if weight is None else weight.shape[0]))
        values = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
        grad_hidden = torch.empty_like(hidden)
        grad_weight, grad_bias = (None if own is None else torch.zeros_like(own) for own in (weight, bias))
        for start in range(0, len(hidden), size):
            part = slice(start, start + size)
            frozen = None if teacher is None else teacher.part(part)
            asked = _Asked(targets[part], weights[part], [r[part] for r in rest], frozen)
            values[part], slope = _chunk(loss, head, hidden[part], asked)
            slope = slope.to(hidden.dtype)
            if weight is None or grad_weight is None:
                grad_hidden[part] = slope
            else:
                torch.mm(slope, weight, out=grad_hidden[part])
                grad_weight.addmm_(slope.T, hidden[part])
            if grad_bias is not None:
                grad_bias += slope.sum(0)
        ctx.save_for_backward(grad_hidden, grad_weight, grad_bias)
        ctx.mark_non_differentiable(values)
        return values @ weights, values

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        scaled = [None if g is None else g * upstream[0] for g in ctx.saved_tensors]
        return (*scaled, *[None] * 6)


class _Asked(NamedTuple):
    targets: Tensor
    weights: Tensor
    rest: list[Tensor]
    teacher: Frozen | None


def _chunk(loss: Loss, head: Head, hidden: Tensor, asked: _Asked) -> tuple[Tensor, Tensor]:
    """Losses of one chunk's positions, [n], and the gradient of their weighted sum in the head's linear outputs, [n, V]."""
    logits = head(hidden)
    student, at = torch.log_softmax(logits, -1), asked.targets[:, None]
    logp = student.gather(1, at)[:, 0]
    divergence = kappa = torch.zeros_like(logp)
    if asked.teacher is not None:
        expected = torch.log_softmax(asked.teacher.logits(asked.targets), -1)
        kappa = expected.gather(1, at)[:, 0].exp()
        likely = expected.exp()
        divergence = expected.sub_(student).mul_(likely).sum(-1)
    pull = loss(Seen(logp, divergence, kappa), *asked.rest)
    to_teacher, to_target = (asked.weights * pull.teacher)[:, None], (asked.weights * pull.target)[:, None]
    slope = student.exp_().mul_(to_teacher + to_target)
    if asked.teacher is not None:
        slope.addcmul_(likely, to_teacher, value=-1)
    slope.scatter_add_(1, at, -to_target)
    return pull.value, head.chain(slope, logits)


def summed(
    loss: Loss, hidden: Tensor, head: Head, targets: Tensor, weights: Tensor, *rest: Tensor, teacher: Frozen | None = None
) -> tuple[Tensor, Tensor]:
    """The sum of ``weights`` [N] times ``loss``, differentiable in ``hidden`` [N, D] and the head; and the loss alone, [N].

    ``loss`` is one of `objective`: it maps what is seen of a chunk's positions, and the chunk's slices of ``rest``, to a
    `Pull`. ``targets``: the token at each position, [N].
    """
    if len(hidden) == 0:
        return hidden.sum() * 0.0, weights.new_empty(0)
    return _Chunked.apply(hidden, head.weight, head.bias, loss, head, targets, weights, rest, teacher)  # type: ignore[no-any-return,no-untyped-call]
