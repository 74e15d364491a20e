"""A causal language model as the rooms use it: last hidden states, and logits from them."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xlforget.corpus.batches import Batch, pad
from xlforget.corpus.encode import Encoded

# How far logits may be from the model's own where only rounding differs: in fp32, and in units of the dtype's last place.
CLOSE, PLACES = 1e-3, 4
# As many positions are taken together as make so many logits, and no fewer than so many: each time the whole head is read.
# First what a processor's caches hold, then what fills an accelerator.
ELEMENTS_CPU, LEAST_CPU = 2_000_000, 128
ELEMENTS_ELSEWHERE, LEAST_ELSEWHERE = 128_000_000, 512
# Tokens at a time where no gradient is wanted, and where one is.
READ_CPU, READ_ELSEWHERE = 1024, 8192
TRAINED_CPU, TRAINED_ELSEWHERE = 2048, 8192
SOME_TOKENS = 32


@dataclass(frozen=True)
class Head:
    """The map from last hidden states to logits: a linear head, with the scale and cap that some models put on it.

    ``weight`` None: what it is given are the logits.
    """

    weight: Tensor | None
    bias: Tensor | None
    scale: float
    cap: float | None

    def __call__(self, hidden: Tensor) -> Tensor:
        """[N, D] -> [N, V], in fp32."""
        if self.weight is None:
            return hidden.float()
        logits = nn.functional.linear(hidden, self.weight, self.bias).float()
        if self.scale != 1.0:  # a product with 1 would be another pass over all logits
            logits = logits * self.scale
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)

    def write(self, hidden: Tensor, out: Tensor) -> Tensor:
        """The same without gradients, into ``out``, [N, V] in fp32, which is returned."""
        if self.weight is None or hidden.dtype != out.dtype:
            out.copy_(hidden if self.weight is None else nn.functional.linear(hidden, self.weight, self.bias))
        else:
            torch.mm(hidden, self.weight.T, out=out)
            if self.bias is not None:
                out.add_(self.bias)
        if self.scale != 1.0:
            out.mul_(self.scale)
        return out if self.cap is None else out.div_(self.cap).tanh_().mul_(self.cap)

    def matrix(self, slate: "Slate", name: str, hidden: Tensor) -> Tensor:
        """What ``slate`` holds under this name, with room for the logits of ``hidden``."""
        entries = hidden.shape[1] if self.weight is None else self.weight.shape[0]
        return slate.matrix(name, len(hidden), entries, hidden.device)

    def positions(self, width: int) -> int:
        """How many states of this width are turned into logits at a time."""
        entries = width if self.weight is None else self.weight.shape[0]
        if self.weight is None or self.weight.device.type == "cpu":
            return max(LEAST_CPU, ELEMENTS_CPU // entries)
        return max(LEAST_ELSEWHERE, ELEMENTS_ELSEWHERE // entries)

    def chain(self, slope: Tensor, logits: Tensor) -> Tensor:
        """A gradient in ``logits``, [N, V], as one in the linear map's outputs. Both are written over."""
        if self.cap is not None:
            slope.mul_(logits.div_(self.cap).square_().neg_().add_(1))
        return slope if self.scale == 1.0 else slope.mul_(self.scale)

    def frozen(self) -> "Head":
        """A copy that training does not change."""
        weight, bias = (None if own is None else own.detach().clone() for own in (self.weight, self.bias))
        return Head(weight, bias, self.scale, self.cap)


class Slate:
    """Matrices of a chunk's positions by the vocabulary, written over from chunk to chunk.

    Not for the sake of what they hold: a CPU's system gives memory of that size page by page as it is first touched, and takes
    it back at once, which costs half as much as what is computed in it.
    """

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def matrix(self, name: str, rows: int, columns: int, device: torch.device) -> Tensor:
        """[rows, columns] in fp32, with whatever was left in it."""
        held = self._held.get(name)
        if held is None or held.shape[1] != columns or len(held) < rows:
            self._held[name] = held = torch.empty(rows, columns, dtype=torch.float32, device=device)
        return held[:rows]


class Lm:
    """A transformers causal LM. ``hidden`` and ``head`` together give the model's own logits (`check`).

    ``whole``: its logits are more than a head on its last hidden states, so ``hidden`` gives the logits themselves.
    """

    def __init__(self, model: Any, *, whole: bool = False) -> None:
        self.model = model
        self.whole = whole

    @property
    def device(self) -> torch.device:
        return torch.device(self.model.device)

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        return self.model.dtype  # type: ignore[no-any-return]

    @property
    def tokens(self) -> int:
        """How many tokens, padding included, are read at a time where no gradient is wanted."""
        return READ_CPU if self.device.type == "cpu" else READ_ELSEWHERE

    @property
    def trained_tokens(self) -> int:
        """How many tokens, padding included, go through it at a time where a gradient is wanted, if they fit."""
        return TRAINED_CPU if self.device.type == "cpu" else TRAINED_ELSEWHERE

    @property
    def head(self) -> Head:
        if self.whole:
            return Head(None, None, 1.0, None)
        linear, config = self.model.get_output_embeddings(), self.model.config
        scale = float(getattr(config, "logit_scale", None) or 1.0) / float(getattr(config, "logits_scaling", None) or 1.0)
        return Head(linear.weight, getattr(linear, "bias", None), scale, getattr(config, "final_logit_softcapping", None))

    def hidden(self, batch: Batch) -> Tensor:
        """Last hidden states, [B, T, D]; logits, [B, T, V], of a model that is taken ``whole``."""
        if self.whole:
            return self._run(self.model, batch).logits  # type: ignore[no-any-return]
        return self._run(self.model.base_model, batch).last_hidden_state  # type: ignore[no-any-return]

    def _run(self, module: Any, batch: Batch) -> Any:
        return module(input_ids=batch.ids.to(self.device), attention_mask=batch.attention.to(self.device), use_cache=False)

    @torch.no_grad()
    def check(self, batch: Batch) -> None:
        """Take the model ``whole`` from now on, unless head(hidden) equals its logits (up to rounding) on this batch."""
        self.whole = self.whole or not self._is_head(batch)

    def try_out(self) -> None:
        """`check` on a few tokens, whatever they say."""
        tokens = tuple(range(min(SOME_TOKENS, self.model.config.get_text_config().vocab_size)))
        self.check(pad([Encoded(tokens, ())], [0]))

    def _is_head(self, batch: Batch) -> bool:
        if self.model.get_output_embeddings() is None:
            return False
        kept = batch.attention.bool()
        live, ours = self._run(self.model, batch).logits[kept].float(), self.head(self.hidden(batch)[kept])
        close = max(CLOSE, PLACES * torch.finfo(self.dtype).eps)
        return live.shape == ours.shape and torch.allclose(live, ours, atol=close, rtol=close)
