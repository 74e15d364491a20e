"""AdamW over fp32 master weights, whatever the model computes in."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.utils.hooks import RemovableHandle

from xlforget.fleet.fleet import Twin, together
from xlforget.fleet.weights import Held, complete, placed, size
from xlforget.unlearn.memory import Optimizers, quiet
from xlforget.unlearn.precision import Originals

MASTER = "master"


class Optimizer(Twin):
    """Steps of AdamW on those of ``parameters`` that are trained; of a sharded model each rank has one for its own shards.

    A weight that is not fp32 has a fp32 master: its gradients are added up there as soon as they are there (and are then
    freed), the step is taken there, and the weight is the master, rounded. ``originals``: masters that are known better than
    from the weight.
    """

    def __init__(
        self, parameters: Mapping[str, Parameter], originals: Originals, kind: Optimizers, *, lr: float, beta2: float
    ) -> None:
        self._weights = {name: p for name, p in parameters.items() if p.requires_grad}
        self.masters = {name: _master(p, originals.get(p)) for name, p in self._weights.items()}
        self._leaning: dict[str, tuple[float, Tensor]] = {}
        self._hooks = self._watched()
        adamw = partial(torch.optim.AdamW, fused=True) if kind == "adamw" else _eight_bit()
        self._adamw = adamw(list(self.masters.values()), lr=lr, betas=(0.9, beta2), weight_decay=0.0)

    def _watched(self) -> list[RemovableHandle]:
        pairs = [(self.masters[name], weight) for name, weight in self._weights.items() if weight is not self.masters[name]]
        return [weight.register_post_accumulate_grad_hook(partial(_gather, master)) for master, weight in pairs]

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Within it gradients stay with the weights, for whoever else moves these for a while and puts them back."""
        for hook in self._hooks:
            hook.remove()
        try:
            yield
        finally:
            self.zero()
            self._hooks = self._watched()

    @together
    def zero(self) -> None:
        """Drop all gradients, those of a step that was given up too."""
        for name, weight in self._weights.items():
            weight.grad = self.masters[name].grad = None

    @together
    @torch.no_grad()
    def step(self, lr: float, clip: float) -> None:
        """One step at this rate; gradients longer than ``clip`` together are shortened to it."""
        for group in self._adamw.param_groups:
            group["lr"] = lr
        for name, weight in self._weights.items():
            if weight is not self.masters[name]:  # what the output head's loss added to it by itself
                _gather(self.masters[name], weight)
        torch.nn.utils.clip_grad_norm_(self.masters.values(), clip)
        self._adamw.step()
        self.settle()

    def settle(self) -> None:
        """Each weight becomes its master, rounded."""
        for name in self._weights:
            self._settle(name)

    @torch.no_grad()
    def _settle(self, name: str) -> None:
        if self._weights[name] is not self.masters[name]:
            self._weights[name].copy_(self.masters[name])

    @together
    @torch.no_grad()
    def lean(self, share: float) -> None:
        """Move the weights, but not their masters' state, along the sign of their gradients, by ``share`` of their root mean
        square as it was before the first such move; the gradients are dropped. `upright` undoes it."""
        if not self._leaning:
            self._leaning = {name: (size(master), master.detach().clone()) for name, master in self.masters.items()}
        for name, weight in self._weights.items():
            master, (length, _) = self.masters[name], self._leaning[name]
            if weight is not master:
                _gather(master, weight)
            if master.grad is not None:
                master.add_(master.grad.sign_(), alpha=-share * length)
        self.zero()
        self.settle()

    @together
    @torch.no_grad()
    def upright(self) -> None:
        """The weights as they were before `lean`; gradients stay."""
        for name, (_, master) in self._leaning.items():
            self.masters[name].copy_(master)
        self._leaning = {}
        self.settle()

    def weights(self) -> dict[Parameter, Tensor]:
        """The masters of the weights that are not fp32 themselves."""
        return {p: self.masters[name].detach() for name, p in self._weights.items() if p is not self.masters[name]}

    def state(self) -> Iterator[dict[str, Tensor]]:
        """Master and moments of one weight after the other, whole on rank 0: all that `restore` needs."""
        for name in self.masters:
            yield self._state(name)

    @together
    def _state(self, name: str) -> dict[str, Tensor]:
        master = self.masters[name]
        own = {MASTER: master.detach().contiguous(), **self._adamw.state[master]}
        found = {part: complete(torch.as_tensor(value)) for part, value in own.items()}
        # Tables that 8-bit weights share are written for each of them.
        return {f"{name}|{part}": value.clone() if part.startswith("qmap") else value for part, value in found.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave, one part after the other."""
        self._restore(Held(state))

    @together
    @torch.no_grad()
    def _restore(self, state: Mapping[str, Tensor]) -> None:
        for key, value in state.items():
            name, _, part = key.rpartition("|")
            master = self.masters[name]
            if part == MASTER:
                master.copy_(placed(value, master))
                self._settle(name)
            elif part == "step":  # a count, where and as each optimizer has it
                ours = isinstance(self._adamw, torch.optim.AdamW)
                self._adamw.state[master][part] = value.to(master.device) if ours else int(value)
            else:
                self._adamw.state[master][part] = placed(value, master)


def _master(weight: Parameter, original: Tensor | None) -> Parameter:
    if weight.dtype == torch.float32:
        return weight
    return Parameter(weight.detach().float() if original is None else original)


def _gather(master: Parameter, weight: Tensor) -> None:
    """Move the weight's gradient to its master's."""
    if weight.grad is not None:
        gradient = weight.grad.float()
        master.grad = gradient if master.grad is None else master.grad.add_(gradient)
        weight.grad = None


def _eight_bit() -> Callable[..., Any]:
    """bitsandbytes' AdamW: moments in 8 bits, block by block (arXiv 2110.02861); weights of under 4,096 numbers keep fp32."""
    quiet()
    from bitsandbytes.optim.adamw import AdamW8bit

    return AdamW8bit
