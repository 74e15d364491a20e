"""A model whose parameters are spread over all ranks (PyTorch's FSDP2), used like any other.

Every forward pass gathers the layers' parameters one after the other from all ranks, so it is a meeting of all of them. Ranks
have different texts and need different numbers of passes: before each pass they vote, and one that has nothing left makes
passes over a dummy row until all are done (`lockstep`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import MethodType
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

from xlforget.corpus.batches import Batch
from xlforget.fleet.fleet import Fleet, Twin
from xlforget.lm import Head, Lm

I = TypeVar("I")  # noqa: E741  an item


class ShardedLm(Twin, Lm):
    """Only within `lockstep` can it be asked for anything; functions that are `spread` or work `together` see to that.

    ``form``: on rank 0 the model as it was loaded, without weights; it knows how its files are written.
    """

    fleet: Fleet

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        super().__init__(model)
        self._dtype, self._in_step = dtype, False
        self.form: Any = None
        model.register_forward_pre_hook(lambda *_: self._meet(), prepend=True)
        model.states = MethodType(_states, model)
        register_fsdp_forward_method(model, "states")

    @property
    def dtype(self) -> torch.dtype:
        return self._dtype

    @property
    def head(self) -> Head:
        self._check_step()
        self.model.unshard()
        return super().head

    def hidden(self, batch: Batch) -> Tensor:
        """Last hidden states, [B, T, D]."""
        self._meet()
        return self.model.states(batch.ids.to(self.device), batch.attention.to(self.device))  # type: ignore[no-any-return]

    @contextmanager
    def lockstep(self) -> Iterator[None]:
        """Within it each rank may make as many passes as it likes (with gradients: each with one backward pass)."""
        self._in_step = True
        self.model.unshard()
        yield
        while self.fleet.vote(False):
            self._idle()
        self.model.reshard()  # the parameters that stand in the model are shards again, as optimizers want them
        self._in_step = False

    def _meet(self) -> None:
        self._check_step()
        self.fleet.vote(True)

    def _check_step(self) -> None:
        if not self._in_step:
            raise AssertionError("a sharded model was asked on one rank alone")

    def _idle(self) -> None:
        """One pass that counts for nothing. It reaches all weights: each rank must give a gradient of the same ones."""
        row = torch.zeros(1, 2, dtype=torch.long, device=self.device)
        logits = self.head(self.model.states(row, torch.ones_like(row))[:, 0])
        if torch.is_grad_enabled():
            logits.backward(torch.zeros_like(logits))


@contextmanager
def lockstep(lm: Lm) -> Iterator[None]:
    """`ShardedLm.lockstep`, or nothing for a model that is whole."""
    if isinstance(lm, ShardedLm):
        with lm.lockstep():
            yield
    else:
        yield


def share(lm: Lm, items: Sequence[I]) -> Sequence[I]:
    """What this rank does of a list that all ranks have; all of it with a model that is whole."""
    return items[lm.fleet.rank :: lm.fleet.size] if isinstance(lm, ShardedLm) else items


def _states(model: Any, ids: Tensor, attention: Tensor) -> Tensor:
    """Run as a forward pass of the whole model, so that the head's parameters are whole until its backward pass is over."""
    return model.base_model(input_ids=ids, attention_mask=attention, use_cache=False).last_hidden_state  # type: ignore[no-any-return]


def shard(model: Any, fleet: Fleet, device: torch.device, dtype: torch.dtype) -> None:
    """Spread the parameters of ``model``, which may be on no device yet: each block by itself, and all the rest together.

    They are computed with in ``dtype``. Gradients are summed over ranks, not averaged: a step's losses weigh what they weigh
    on one process.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    mesh, policy = init_device_mesh(device.type, (fleet.size,)), MixedPrecisionPolicy(dtype, torch.float32)
    for block in [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]:
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # gloo has no sum with a factor
