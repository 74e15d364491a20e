"""The shapes of published models, with random weights: what a step and a whole run cost does not depend on what they know."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from transformers import LlamaConfig

from xlforget.errors import UsageError

HEAD = 64  # width of an attention head


@dataclass(frozen=True)
class Shape:
    """A Llama-shaped model. ``inner``, ``queries``, ``keys``: width of the blocks' MLP, heads of queries and of keys (0: as the
    width has it); ``tied``: the head is the embeddings.

    ``rate``, ``epochs``: with which it learns a set by heart. ``rank``: of adapters, where it is too large for the optimizer's
    state of all weights (0: all are trained).
    """

    name: str
    layers: int
    width: int
    vocabulary: int
    inner: int = 0
    queries: int = 0
    keys: int = 0
    tied: bool = True
    rate: float = 3e-3
    epochs: int = 40
    rank: int = 0

    def config(self, context: int, **tokens: Any) -> LlamaConfig:
        """``tokens``: ids of special tokens, by their names in a configuration."""
        queries = self.queries or max(2, self.width // HEAD)
        return LlamaConfig(
            vocab_size=self.vocabulary, hidden_size=self.width, intermediate_size=self.inner or 3 * self.width,
            num_hidden_layers=self.layers, num_attention_heads=queries, num_key_value_heads=self.keys or queries,
            max_position_embeddings=context, tie_word_embeddings=self.tied, **tokens,
        )  # fmt: skip


SHAPES = {
    one.name: one
    for one in (
        Shape("tiny", layers=2, width=32, vocabulary=2_000, epochs=60),
        Shape("small", layers=4, width=128, vocabulary=256_000),
        Shape("xglm-564m", layers=24, width=1024, vocabulary=256_008, rate=2e-4, epochs=30),
        Shape("xglm-2.9b", layers=48, width=2048, vocabulary=256_008, rate=1e-4, epochs=24),
        Shape(
            "llama-8b", layers=32, width=4096, vocabulary=128_256, inner=14_336, queries=32, keys=8, tied=False, rate=1e-3,
            epochs=20, rank=32,
        ),
    )
}  # fmt: skip


def shape_of(name: str, known: Collection[str]) -> Shape:
    """Raises UsageError for a name that is not among ``known``."""
    if name not in known:
        raise UsageError(f"There is no shape {name!r}.", do=f"Choose one of: {', '.join(known)}.", code="UNKNOWN_SHAPE")
    return SHAPES[name]
