"""Which languages a model speaks: the bits per character that it needs for plain sentences, and for the same in disorder.

A model that knows a language expects its words in their order. One that does not is as surprised by the sentence as by its
words shuffled, whatever its tokenizer makes of the script; so the model is compared with itself, and no constant is needed
but how much order must help.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.texts import neutral
from xlforget.lm import Lm
from xlforget.measure.memorization import token_scores

ORDER_HELPS = 0.92  # bits of a sentence over bits of its words shuffled, at most


@dataclass(frozen=True)
class Heard:
    """Bits per character of sentences and of the same sentences shuffled, in one language."""

    lang: str
    bits: float
    shuffled: float

    @property
    def spoken(self) -> bool:
        return self.bits <= ORDER_HELPS * self.shuffled


def hear(lm: Lm, encoder: Encoder, langs: Sequence[str]) -> dict[str, Heard]:
    """What the model makes of each language's neutral sentences; languages that have none, or that it cannot hold, are absent."""
    found = {}
    for lang in langs:
        texts = [row.statements[lang].text for row in neutral((lang,))]
        mixed = [_shuffled(text, k) for k, text in enumerate(texts)]
        bits, disorder = (bits_per_character(lm, encoder, own) for own in (texts, mixed))
        if bits is not None and disorder is not None:
            found[lang] = Heard(lang, bits, disorder)
    return found


def bits_per_character(lm: Lm, encoder: Encoder, texts: Sequence[str]) -> float | None:
    """Over all tokens but each text's first; None where the model can hold less than half of the texts."""
    encoded = [(text, e) for text, e in zip(texts, encoder.encode_all([(t, None) for t in texts]), strict=True)]
    held = [(text, e) for text, e in encoded if isinstance(e, Encoded)]
    if not held or len(held) < len(texts) / 2:
        return None
    nats = -sum(float(scores.logp.sum()) for scores in token_scores(lm, [e for _, e in held]))
    return nats / math.log(2) / sum(len(text) for text, _ in held)


def _shuffled(text: str, seed: int) -> str:
    """The words in another order; the signs, where a language writes no blanks."""
    blank = " " if " " in text.strip() else ""
    parts = text.split() if blank else list(text)
    Random(seed).shuffle(parts)
    return blank.join(parts)
