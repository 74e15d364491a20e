"""RMU: a layer's activations on the answers are led to a random direction, those on retain text kept (arXiv 2403.03218).

Only the last projections of the MLPs of that layer and the two before it change.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xlforget.corpus.batches import Batch, by_length
from xlforget.corpus.encode import Encoded
from xlforget.errors import UsageError
from xlforget.lm import Head, Lm
from xlforget.unlearn.step import Asked, Floats, batches
from xlforget.unlearn.teacher import Teacher

# The last projection of an MLP, as transformers calls it.
DOWN = ("down_proj", "fc2", "dense_4h_to_h", "fc_out", "c_proj", "w2")
LAYERS = 3


class Layer(Lm):
    """A model up to one of its layers, ``share`` of its depth: `hidden` gives what that layer puts out, and there is no head.

    Raises UsageError for a model whose layers or MLPs are not found.
    """

    def __init__(self, lm: Lm, share: float) -> None:
        super().__init__(lm.model)
        count = lm.model.config.get_text_config().num_hidden_layers
        lists = (module for module in lm.model.modules() if isinstance(module, nn.ModuleList) and len(module) == count)
        self._layers = list(next(lists, ()))
        self._last = max(1, round(share * count)) - 1
        if not self._layers or not self.trained():
            raise UsageError("rmu does not find the MLPs of this architecture.", do="Choose another method.", code="NO_LAYERS")

    @property
    def head(self) -> Head:
        return Head(None, None, 1.0, None)

    def trained(self) -> list[nn.Parameter]:
        """Weights of the last projections in the layer's MLP and in those of the two before it."""
        found = []
        for layer in self._layers[max(0, self._last + 1 - LAYERS) : self._last + 1]:
            for name, parameter in layer.named_parameters():
                parts = name.split(".")
                if set(parts) & set(DOWN) and parts[-1] != "bias" and not any("attn" in part for part in parts):
                    found.append(parameter)
        return found

    def hidden(self, batch: Batch) -> Tensor:
        """The layer's output, [B, T, D]; the layers behind it are not run."""
        hook = self._layers[self._last].register_forward_hook(_stop)
        try:
            self._run(self.model.base_model, batch)
        except _Reached as reached:
            return reached.output
        finally:
            hook.remove()
        raise AssertionError("the layer was not run")

    def check(self, batch: Batch) -> None:
        return


class _Reached(Exception):
    def __init__(self, output: Tensor) -> None:
        self.output = output


def _stop(module: nn.Module, given: Any, output: Any) -> None:
    raise _Reached(output if isinstance(output, Tensor) else output[0])


class Steering:
    """Where the activations are led: one random direction, ``times`` the mean length of the answers' activations long, [D].

    Made from the model as it was, of which nothing but the trained projections takes gradients from now on.
    """

    def __init__(self, layer: Layer, answers: Sequence[Encoded], times: float, seed: int) -> None:
        self._layer = layer
        lengths = torch.cat(_norms(layer, answers))
        direction = torch.rand(layer.model.config.get_text_config().hidden_size, generator=torch.Generator().manual_seed(seed))
        self.target = (times * lengths.mean() * (direction / direction.norm()).to(lengths.device)).float()
        layer.model.requires_grad_(False)
        for parameter in layer.trained():
            parameter.requires_grad_(True)

    def backward(self, teacher: Teacher, texts: Sequence[Encoded], asked: Sequence[Asked], budget: int) -> Floats:
        """Add the gradients of the weighted sum of mean squared distances per position: of a ``forget`` part to the target, of
        all others to the teacher's activations. Returns the mean distance of each of ``asked``."""
        found = np.zeros(len(asked))
        for batch, places in batches(texts, asked, budget):
            hidden = self._layer.hidden(batch).float()
            total = hidden.new_zeros(())
            for number, k, one in places:
                wanted = self.target if one.part == "forget" else teacher.hidden([one.row], [one.at]).float()
                off = (hidden[k, [p - 1 for p in one.at]] - wanted).pow(2).mean(-1)
                total = total + one.weight * off.sum()
                found[number] = float(off.detach().mean())
            total.backward()
        return found


@torch.no_grad()
def _norms(layer: Layer, texts: Sequence[Encoded]) -> list[Tensor]:
    """Lengths of the activations that predict the answers' tokens."""
    found = []
    for batch in by_length(texts, layer.tokens):
        lengths = layer.hidden(batch).float().norm(dim=-1)
        found += [lengths[k, [p - 1 for p in texts[row].answer]] for k, row in enumerate(batch.rows)]
    return found
