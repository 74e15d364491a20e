"""Weights between a whole model on rank 0 and its shards on all ranks. No other rank ever holds more than one tensor whole."""

import copy
import math
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from xlforget.errors import UsageError
from xlforget.fleet.fleet import Fleet, current, local_device, together
from xlforget.fleet.sharded import ShardedLm, shard
from xlforget.lm import Lm


class Held(dict[str, Tensor]):
    """Tensors that rank 0 alone holds: other ranks are told their names, and no more than single numbers of them."""

    def __reduce__(self) -> Any:
        return dict, ({name: None if value.dim() else value for name, value in self.items()},)


def divide(whole: Any, fleet: Fleet, kind: str) -> ShardedLm:
    """``whole``, a model of rank 0 alone, as shards on all ranks' devices of this kind; it is left empty. Other ranks need
    none of its files.

    Shards are fp32; what is computed with is the model's own type. Raises UsageError for what cannot be sharded.
    """
    config = copy.deepcopy(whole.config)
    lm = fleet.call(_take_shards, [(own, config, whole.dtype, kind) for own in (whole, *[None] * (fleet.size - 1))])[0]
    lm.form = whole.to("meta")
    return lm


def whole(lm: Lm) -> Any:
    """The model itself, or a whole copy of it in the memory of rank 0 where it is sharded; to be saved, not to be run."""
    if not isinstance(lm, ShardedLm):
        return lm.model
    model = copy.deepcopy(lm.form).float()
    model.load_state_dict(_gather(lm), assign=True, strict=False)  # strict: tied weights have one name here, two there
    model.tie_weights()
    return model


@together
def _gather(lm: Lm) -> dict[str, Tensor]:
    tensors = [*lm.model.named_parameters(), *lm.model.named_buffers()]
    return {name: complete(tensor.detach()) for name, tensor in tensors}


def complete(value: Tensor) -> Tensor:
    """A tensor of which each rank has a shard: whole in the memory of rank 0, and nothing on others. Any other as it is."""
    if not isinstance(value, DTensor):
        return value
    tensor = value.full_tensor().cpu()
    return tensor if dist.get_rank() == 0 else tensor.new_empty(0)


def placed(value: Tensor | None, like: Tensor) -> Tensor:
    """``value``, which rank 0 alone may have, where ``like`` is: as shards that lie where those of ``like`` lie."""
    if isinstance(like, DTensor):
        here = torch.empty(like.shape) if value is None else value
        return distribute_tensor(here.to(like.device, like.dtype), like.device_mesh, like.placements)
    assert value is not None
    return value.to(like.device)


def local(weight: Tensor) -> Tensor:
    """This rank's rows of a weight, to be changed in place; all of one that is not sharded."""
    own = weight.detach()
    return own.to_local() if isinstance(own, DTensor) else own


def size(weight: Tensor) -> float:
    """Root mean square of all of a weight; where it is sharded all ranks must ask."""
    own = weight.detach()
    if isinstance(own, DTensor):
        return float(torch.linalg.vector_norm(own).full_tensor()) / math.sqrt(own.numel())
    return float(own.float().pow(2).mean().sqrt())


def _take_shards(source: Any, config: Any, dtype: torch.dtype, kind: str) -> ShardedLm:
    from transformers import AutoModelForCausalLM

    fleet, device = current(), local_device(kind)
    assert fleet is not None
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    shard(model, fleet, device, dtype)
    model.to_empty(device=device)
    model.tie_weights()
    _fill(model, source)
    lm = ShardedLm(model, dtype)
    with torch.no_grad(), lm.lockstep():
        lm.try_out()
    if lm.whole:
        raise UsageError(
            "This model's logits are more than a head on its last hidden states: it cannot be spread over several processes.",
            do="Run it on one process.",
            code="UNSPREADABLE",
        )
    return lm


@torch.no_grad()
def _fill(model: Any, source: Any) -> None:
    """Parameters and buffers one after the other, from ``source`` on rank 0."""
    given = dict(source.named_parameters()) if source is not None else {}
    for name, parameter in model.named_parameters():
        parameter.copy_(placed(given.get(name), parameter))
    given = dict(source.named_buffers()) if source is not None else {}
    for name, buffer in model.named_buffers():
        buffer.copy_(given.get(name, buffer))
        dist.broadcast(buffer, src=0)
