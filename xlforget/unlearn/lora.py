"""Low-rank adapters (arXiv 2106.09685) on every linear layer of the blocks: only they are trained, and merged at the end.

Experts and their router, whose weights stand in one tensor, have adapters where peft knows the architecture (Mixtral, Qwen).
"""

import warnings
from contextlib import AbstractContextManager
from typing import Any

import torch

from xlforget.lm import Lm
from xlforget.unlearn.memory import quiet


class Adapters:
    """Adapters on ``lm``, put in place; the output head and the embeddings have none. Their weights are fp32.

    As they begin they change nothing: what is computed before the first step is the base's own. Where a weight is not to be
    trained, neither is its adapter.
    """

    def __init__(self, lm: Lm, rank: int, alpha: int, seed: int) -> None:
        quiet()
        from peft import LoraConfig, get_peft_model

        self._lm = lm
        fixed = {id(p) for p in lm.model.parameters() if not p.requires_grad}
        config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the head is tied to the embeddings: neither is adapted
            torch.manual_seed(seed)
            self._peft: Any = get_peft_model(lm.model, config)
        for layer in self._layers():
            if id(getattr(layer.get_base_layer(), getattr(layer, "parameter_name", "weight"))) in fixed:
                layer.lora_A.requires_grad_(False)
                layer.lora_B.requires_grad_(False)
        lm.model.eval()

    def _layers(self) -> list[Any]:
        from peft.tuners.tuners_utils import BaseTunerLayer

        return [module for module in self._lm.model.modules() if isinstance(module, BaseTunerLayer)]

    def off(self) -> AbstractContextManager[None]:
        """The base itself, for as long as the context lasts."""
        return self._peft.disable_adapter()  # type: ignore[no-any-return]

    @torch.no_grad()
    def merge(self) -> None:
        """Add the adapters to the weights under them, in fp32, and take them away; ``lm`` is a plain model again."""
        for layer in self._layers():
            base: Any = layer.get_base_layer()
            dtype = next(base.parameters()).dtype
            base.float()
            layer.merge()
            base.to(dtype)
        self._lm.model = self._peft.unload()
        if hasattr(self._lm.model, "peft_config"):
            del self._lm.model.peft_config
        self._lm.model.requires_grad_(True)
