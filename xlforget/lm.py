"""A causal language model as the rooms use it: last hidden states, and logits from them."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xlforget.corpus.batches import Batch
from xlforget.errors import UsageError


@dataclass(frozen=True)
class Head:
    """The map from last hidden states to logits: a linear head, with the scale and cap that some models put on it."""

    weight: Tensor
    bias: Tensor | None
    scale: float
    cap: float | None

    def __call__(self, hidden: Tensor) -> Tensor:
        """[N, D] -> [N, V], in fp32."""
        logits = nn.functional.linear(hidden, self.weight, self.bias).float() * self.scale
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)

    def chain(self, slope: Tensor, logits: Tensor) -> Tensor:
        """A gradient in ``logits``, [N, V], as one in the linear map's outputs; changes ``slope`` in place."""
        if self.cap is not None:
            slope.mul_(1 - (logits / self.cap) ** 2)
        return slope if self.scale == 1.0 else slope.mul_(self.scale)

    def frozen(self) -> "Head":
        """A copy that training does not change."""
        bias = None if self.bias is None else self.bias.detach().clone()
        return Head(self.weight.detach().clone(), bias, self.scale, self.cap)


class Lm:
    """A transformers causal LM. ``hidden`` and ``head`` together give the model's own logits (`self_check`)."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def device(self) -> torch.device:
        return torch.device(self.model.device)

    @property
    def head(self) -> Head:
        linear, config = self.model.get_output_embeddings(), self.model.config
        scale = float(getattr(config, "logit_scale", None) or 1.0) / float(getattr(config, "logits_scaling", None) or 1.0)
        return Head(linear.weight, getattr(linear, "bias", None), scale, getattr(config, "final_logit_softcapping", None))

    def hidden(self, batch: Batch) -> Tensor:
        """Last hidden states, [B, T, D]."""
        body = self.model.base_model
        out = body(input_ids=batch.ids.to(self.device), attention_mask=batch.attention.to(self.device), use_cache=False)
        return out.last_hidden_state  # type: ignore[no-any-return]

    @torch.inference_mode()
    def self_check(self, batch: Batch) -> None:
        """Raise UsageError unless head(hidden) equals the model's logits (up to rounding) on this batch."""
        ids, attention = batch.ids.to(self.device), batch.attention.to(self.device)
        live = self.model(input_ids=ids, attention_mask=attention, use_cache=False).logits.float()
        ours = self.head(self.hidden(batch))
        if not torch.allclose(live[attention.bool()], ours[attention.bool()], atol=1e-3, rtol=1e-3):
            raise UsageError(
                "This model's output head does more than a linear map, a scale and a cap.",
                do="Its architecture is not supported yet; name it when you report this.",
                code="UNKNOWN_HEAD",
            )
