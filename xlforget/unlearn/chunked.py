"""A loss over many token positions without ever holding their logits together.

Loss and gradients are taken chunk by chunk from the formula that all losses share (`objective`): what has V entries for each
position is written over by the next chunk. Exact, and on a CPU several times faster than one large matrix, whose pages are
touched once and thrown away.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from xlforget.lm import Head, Slate
from xlforget.unlearn.objective import Pull, Seen

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

    def logits(self, targets: Tensor, slate: Slate) -> Tensor:
        """[N, V], of which ``targets``, [N], are lowered; on ``slate``, as "teacher"."""
        logits = self.head.write(self.hidden, self.head.matrix(slate, "teacher", self.hidden))
        return logits if self.lowered is None else logits.scatter_add_(1, targets[:, None], -self.lowered[:, None])


class Pulled(NamedTuple):
    """The loss at each position, [N], and the gradient of its weighted sum in the hidden states, [N, D]."""

    values: Tensor
    hidden: Tensor


class _Asked(NamedTuple):
    targets: Tensor
    weights: Tensor
    rest: list[Tensor]
    teacher: Frozen | None


@torch.no_grad()
def pulled(
    loss: Loss,
    hidden: Tensor,
    head: Head,
    targets: Tensor,
    weights: Tensor,
    *rest: Tensor,
    teacher: Frozen | None = None,
    slate: Slate | None = None,
) -> Pulled:
    """The sum of ``weights`` [N] times ``loss`` at ``hidden`` [N, D]; its gradients in the head are added to the head's own.

    ``loss`` is one of `objective`: it maps what is seen of a chunk's positions, and the chunk's slices of ``rest``, to a
    `Pull`. ``targets``: the token at each position, [N]. ``slate``: what several calls share.
    """
    size, slate = head.positions(hidden.shape[1]), slate or Slate()
    found = Pulled(torch.empty(len(hidden), dtype=torch.float32, device=hidden.device), torch.empty_like(hidden))
    for start in range(0, len(hidden), size):
        part = slice(start, start + size)
        frozen = None if teacher is None else teacher.part(part)
        asked = _Asked(targets[part], weights[part], [r[part] for r in rest], frozen)
        found.values[part], slope = _chunk(loss, head, hidden[part], asked, slate)
        _back(head, hidden[part], slope.to(hidden.dtype), found.hidden[part])
    return found


def _chunk(loss: Loss, head: Head, hidden: Tensor, asked: _Asked, slate: Slate) -> tuple[Tensor, Tensor]:
    """Losses of one chunk's positions, [n], and the gradient of their weighted sum in the head's linear outputs, [n, V]."""
    logits = head.write(hidden, head.matrix(slate, "logits", hidden))
    student, at = torch.log_softmax(logits, -1, out=head.matrix(slate, "student", hidden)), asked.targets[:, None]
    logp = student.gather(1, at)[:, 0]
    divergence = kappa = torch.zeros_like(logp)
    if asked.teacher is not None:
        said = asked.teacher.logits(asked.targets, slate)
        free = logits if head.cap is None else head.matrix(slate, "expected", hidden)  # a cap's slope wants the logits
        expected = torch.log_softmax(said, -1, out=free)
        kappa = expected.gather(1, at)[:, 0].exp()
        likely = torch.exp(expected, out=said)
        divergence = expected.sub_(student).mul_(likely).sum(-1)
    pull = loss(Seen(logp, divergence, kappa), *asked.rest)
    to_teacher, to_target = (asked.weights * pull.teacher)[:, None], (asked.weights * pull.target)[:, None]
    slope = student.exp_().mul_(to_teacher + to_target)
    if asked.teacher is not None:
        slope.addcmul_(likely, to_teacher, value=-1)
    slope.scatter_add_(1, at, -to_target)
    return pull.value, head.chain(slope, logits)


def _back(head: Head, hidden: Tensor, slope: Tensor, into: Tensor) -> None:
    """From the linear map's outputs, [n, V], to the states, which are written ``into`` [n, D], and to the head."""
    if head.weight is None:
        into.copy_(slope)
        return
    torch.mm(slope, head.weight, out=into)
    if head.weight.requires_grad:
        _add(head.weight, slope.T, hidden)
    if head.bias is not None and head.bias.requires_grad:
        own = slope.sum(0)
        head.bias.grad = own if head.bias.grad is None else head.bias.grad.add_(own)


def _add(weight: Tensor, left: Tensor, right: Tensor) -> None:
    """Add a product to the gradient in place: with a large vocabulary it is the largest tensor of a step."""
    if weight.grad is None:
        weight.grad = left @ right
    else:
        weight.grad.addmm_(left, right)
