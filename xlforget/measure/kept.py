"""What a model knows of text that it must not lose: mean MA and perplexity, by language."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xlforget.corpus.corpus import Text
from xlforget.lm import Lm
from xlforget.measure.memorization import token_scores

LARGEST = 700.0  # nats; the exponential of more is no finite number


@dataclass(frozen=True)
class Kept:
    """What a model knows of texts in one language: mean MA over texts, perplexity over tokens."""

    lang: str
    texts: int
    ma: float
    perplexity: float


def kept(lm: Lm, texts: Sequence[Text]) -> tuple[Kept, ...]:
    """Per language: MA on the answers (whole text where there is none) and perplexity of the same tokens."""
    scored = defaultdict(list)
    for text, score in zip(texts, token_scores(lm, [t.text for t in texts]), strict=True):
        scored[text.lang].append(score)
    return tuple(
        Kept(
            lang,
            len(own),
            float(np.mean([s.ma for s in own])),
            float(np.exp(min(LARGEST, -np.concatenate([s.logp for s in own]).mean(dtype=np.float64)))),
        )
        for lang, own in scored.items()
    )


def pooled_ma(kept: Sequence[Kept]) -> float:
    """Mean over texts, so that a language with few of them hides nothing and decides nothing; 1 where there is no text."""
    texts = sum(k.texts for k in kept)
    return sum(k.texts * k.ma for k in kept) / texts if texts else 1.0


def mean_ma(kept: Sequence[Kept]) -> float:
    """Mean over languages; 1 where there is no text, for nothing can then be lost."""
    return float(np.mean([k.ma for k in kept])) if kept else 1.0
