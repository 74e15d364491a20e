"""A loss over many token positions without ever holding their logits together.

Loss and gradients are taken chunk by chunk in the forward pass; backward only scales them. Exact, and on a CPU several times
faster than one large matrix, whose pages are touched once and thrown away.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from xlforget.lm import Head

ELEMENTS = 2_000_000

TokenLoss = Callable[..., Tensor]


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        loss: TokenLoss,
        head: Head,
        rest: Sequence[Tensor],
    ) -> Tensor:
        size = max(1, ELEMENTS // weight.shape[0])
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        grad_hidden, grad_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        grad_bias = None if bias is None else torch.zeros_like(bias)
        for start in range(0, len(hidden), size):
            part = slice(start, start + size)
            with torch.enable_grad():
                leaves = [hidden[part].detach().requires_grad_(), weight.detach().requires_grad_()]
                leaves += [] if bias is None else [bias.detach().requires_grad_()]
                logits = Head(leaves[1], leaves[2] if bias is not None else None, head.scale, head.cap)(leaves[0])
                value = loss(logits, *(r[part] for r in rest)).sum()
                grads = torch.autograd.grad(value, leaves)
            total += value.detach()
            grad_hidden[part] = grads[0]
            grad_weight += grads[1]
            if grad_bias is not None:
                grad_bias += grads[2]
        ctx.save_for_backward(grad_hidden, grad_weight, *([] if grad_bias is None else [grad_bias]))
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        scaled = [g * upstream[0] for g in ctx.saved_tensors]
        return (scaled[0], scaled[1], scaled[2] if len(scaled) > 2 else None, None, None, None)


def summed(loss: TokenLoss, hidden: Tensor, head: Head, *rest: Tensor) -> Tensor:
    """Sum over positions of ``loss(head(hidden), *rest)``, differentiable in ``hidden`` [N, D] and the head's weights.

    ``loss`` maps a chunk's logits [n, V] and the chunk's slices of ``rest`` to [n].
    """
    if len(hidden) == 0:
        return hidden.sum() * 0.0
    return _Chunked.apply(hidden, head.weight, head.bias, loss, head, rest)  # type: ignore[no-any-return,no-untyped-call]
