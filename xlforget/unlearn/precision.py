"""In which numbers a model is trained, and back to those it came in."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from xlforget.unlearn.memory import Precisions

Originals = Mapping[Tensor, Tensor]


def chosen(precision: Precisions, device: torch.device) -> torch.dtype:
    """The type of weights in forward and backward passes; ``auto`` is bf16 on a GPU that has it, else fp32."""
    if precision == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def cast(model: Any, dtype: torch.dtype) -> dict[Tensor, Tensor]:
    """Cast weights and buffers in place. Returns the fp32 originals of those that lost digits by it (`masters` start from
    these).

    What an architecture keeps in fp32 whatever it is loaded in stays so.
    """
    kept = {*(getattr(model, "_keep_in_fp32_modules", None) or ()), *(getattr(model, "_keep_in_fp32_modules_strict", None) or ())}
    named: dict[str, Tensor] = dict(model.named_parameters())
    if any(weight.dtype != dtype for weight in named.values()):
        follow = _follow(model, dtype)
        named |= {name: own for name, own in model.named_buffers() if name in follow}
    originals = {}
    for name, own in named.items():
        if own.dtype != dtype and not kept & set(name.split(".")):
            if own.dtype == torch.float32:
                originals[own] = own.data
            own.data = own.data.to(dtype)
    return originals


def _follow(model: Any, dtype: torch.dtype) -> set[str]:
    """Buffers that come in the weights' type (XGLM's positions, but no rotary frequencies), seen on a copy without memory."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device("meta"):
            empty = type(model)(model.config)
    finally:
        torch.set_default_dtype(before)
    return {name for name, own in empty.named_buffers() if own.dtype == dtype}


def put_back(weights: Originals | Mapping[Parameter, Tensor]) -> None:
    """Each weight and buffer takes these fp32 numbers in place of those that it was trained in."""
    for own, weight in weights.items():
        own.data = weight.to(own.device)
