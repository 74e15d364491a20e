"""Activations that are computed again in the backward pass, not kept: memory for time."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from xlforget.errors import UsageError


def recompute(model: Any) -> None:
    """Keep the inputs of each block alone. Raises UsageError where transformers does not say what the model's blocks are.

    transformers' own switch works in training mode only, which would turn dropout on; training here is without.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    blocks = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not blocks:
        raise UsageError(
            "--checkpointing does not work with this architecture.", do="Leave it out, or add --lora.", code="CHECKPOINTING"
        )
    for block in blocks:
        block.forward = partial(_again, block.forward)


def keep(model: Any) -> None:
    """Undo `recompute`."""
    for module in model.modules():
        if isinstance(module.__dict__.get("forward"), partial):
            del module.forward


def _again(forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*args, **kwargs)
    return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)
