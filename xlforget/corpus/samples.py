"""Text sampled from the model itself: what it says when nobody asks, so that unlearning can be told to leave it alone."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from xlforget.fleet.fleet import fleet_of
from xlforget.fleet.spread import spread
from xlforget.lm import Lm
from xlforget.parallel.parallel_set import Pair

Progress = Callable[[int, int], None]

# One text in this many: a unit that stands in more is common.
COMMON = 200


def sample(
    lm: Lm,
    start: Sequence[int],
    count: int,
    *,
    end: int | None,
    longest: int,
    seed: int,
    tokens: int | None = None,
    rows: int = 256,
    progress: Progress | None = None,
) -> list[tuple[int, ...]]:
    """``count`` ancestral samples (temperature 1, whole vocabulary) that begin with the tokens ``start``.

    Each ends with ``end`` or after ``longest`` tokens. No more are drawn once they hold ``tokens`` tokens together. The same
    seed gives the same samples on the same machine, but for rounding on any number of processes.
    """
    fleet = fleet_of(lm)
    abreast = fleet.size if fleet else 1
    batches = [range(at, min(at + rows, count)) for at in range(0, count, rows)]
    out: list[tuple[int, ...]] = []
    held = 0
    while batches and (tokens is None or held < tokens):
        now, batches = batches[:abreast], batches[abreast:]
        for fresh in _drawn(lm, now, list(start), end, longest, seed):
            if tokens is None or held < tokens:
                out += fresh
                held += sum(map(len, fresh))
        if progress:
            progress(len(out), count)
    return out


@spread(range.__len__)
@torch.inference_mode()
def _drawn(
    lm: Lm, batches: Sequence[range], start: list[int], end: int | None, longest: int, seed: int
) -> list[list[tuple[int, ...]]]:
    """The texts of each batch, which do not depend on those of others."""
    lm.model.eval()
    generators = [torch.Generator(lm.device).manual_seed(seed + batch.start) for batch in batches]
    return [_batch(lm, start, len(batch), end, longest, own) for batch, own in zip(batches, generators, strict=True)]


def _batch(
    lm: Lm, start: list[int], rows: int, end: int | None, longest: int, generator: torch.Generator
) -> list[tuple[int, ...]]:
    from transformers import DynamicCache

    texts = [list(start) for _ in range(rows)]
    alive = torch.arange(rows)
    cache: Any = DynamicCache(config=lm.model.config)
    feed = torch.tensor([start] * rows, device=lm.device)
    for _ in range(longest - len(start)):
        logits = lm.model(input_ids=feed, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1].float()
        feed = _draw(logits, generator)
        for row, token in zip(alive.tolist(), feed[:, 0].tolist(), strict=True):
            texts[row].append(token)
        going = torch.nonzero(feed[:, 0] != end)[:, 0] if end is not None else torch.arange(len(feed))
        if len(going) == 0:
            break
        if len(going) < len(feed):
            cache.batch_select_indices(going)
            feed, alive = feed[going], alive[going.cpu()]
    return [tuple(text) for text in texts]


def _draw(logits: Tensor, generator: torch.Generator) -> Tensor:
    """One token per row by inversion, [B, V] -> [B, 1]: one random number a row, where `multinomial` draws one an entry."""
    reached = torch.softmax(logits, -1).cumsum(-1)
    at = torch.rand((len(logits), 1), generator=generator, device=logits.device) * reached[:, -1:]
    return torch.searchsorted(reached, at, right=True).clamp(max=logits.shape[-1] - 1)


class Stated:
    """Whether a text states one of the facts: it holds the answer and half of what tells the fact from other texts.

    Told apart by the units beside the answer that are rarest among the ``texts`` without it: a name, not the words of a
    template, which other facts that must stay are stated in too.
    """

    def __init__(self, pairs: Iterable[Pair], texts: Sequence[str]) -> None:
        read = [(text.casefold(), _units(text.casefold())) for text in texts]
        seen = Counter(unit for _, units in read for unit in units)
        facts = [_fact(w.text, w.span) for pair in pairs for w in pair.wordings]
        stating = {a: Counter(u for text, units in read if a in text for u in units) for a in {a for a, _ in facts if a}}
        common = len(texts) // COMMON
        self._facts = [
            (a, _rarest({unit: seen[unit] - stating.get(a, Counter())[unit] for unit in beside}, common)) for a, beside in facts
        ]

    def __call__(self, text: str) -> bool:
        folded = text.casefold()
        units = _units(folded)
        return any(answer in folded and 2 * len(beside & units) >= len(beside) for answer, beside in self._facts)


def _rarest(seen: Mapping[str, int], common: int) -> frozenset[str]:
    """Units in at most ``common`` texts, or at most twice as many as the rarest."""
    most = max(common, 2 * min(seen.values(), default=0))
    return frozenset(unit for unit, texts in seen.items() if texts <= most)


def _fact(text: str, span: tuple[int, int] | None) -> tuple[str, frozenset[str]]:
    """The answer ("" for a whole sentence, which any text holds) and the units of the rest."""
    start, end = span if span is not None else (0, 0)
    return text[start:end].casefold(), _units(f"{text[:start]} {text[end:]}".casefold())


def _units(text: str) -> frozenset[str]:
    """Words without their punctuation, or pairs of characters where a script writes no spaces."""
    words: set[str] = set()
    for word in "".join(" " if unicodedata.category(c).startswith("P") else c for c in text).split():
        spaceless = len(word) > 1 and any("\u3040" <= c <= "\u9fff" or "\u0e00" <= c <= "\u0eff" for c in word)
        words |= {word[k : k + 2] for k in range(len(word) - 1)} if spaceless else {word}
    return frozenset(words)
