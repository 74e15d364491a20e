"""In which numbers a model is trained, and back to those it came in."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from xlforget.unlearn.memory import Precisions

Originals = Mapping[Parameter, Tensor]


def chosen(precision: Precisions, device: torch.device) -> torch.dtype:
    """The type of weights in forward and backward passes; ``auto`` is bf16 on a GPU that has it, else fp32."""
    if precision == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def cast(model: Any, dtype: torch.dtype) -> dict[Parameter, Tensor]:
    """Cast the weights in place. Returns the fp32 originals of those that lost digits by it (`masters` start from these).

    Weights that an architecture keeps in fp32 whatever it is loaded in stay so.
    """
    kept = {*(getattr(model, "_keep_in_fp32_modules", None) or ()), *(getattr(model, "_keep_in_fp32_modules_strict", None) or ())}
    originals = {}
    for name, parameter in model.named_parameters():
        if parameter.dtype != dtype and not kept & set(name.split(".")):
            if parameter.dtype == torch.float32:
                originals[parameter] = parameter.data
            parameter.data = parameter.data.to(dtype)
    return originals


def put_back(weights: Originals) -> None:
    """Each parameter takes these fp32 weights in place of what it was trained in."""
    for parameter, weight in weights.items():
        parameter.data = weight.to(parameter.device)
