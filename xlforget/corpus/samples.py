"""Text sampled from the model itself: what it says when nobody asks, so that unlearning can be told to leave it alone."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from xlforget.fleet.fleet import fleet_of
from xlforget.fleet.spread import spread
from xlforget.lm import Lm
from xlforget.parallel.parallel_set import Pair

Progress = Callable[[int, int], None]
Ids = tuple[int, ...]

# One text in this many: a unit that stands in more is common.
COMMON = 200
# Texts that are drawn side by side.
ROWS_CPU, ROWS_ELSEWHERE = 256, 512


class _Batch(NamedTuple):
    """Beginnings of one length that are gone on with together."""

    starts: Sequence[Ids]
    seed: int


def sample(
    lm: Lm,
    start: Sequence[int],
    count: int,
    *,
    end: int | None,
    longest: int,
    seed: int,
    tokens: int | None = None,
    rows: int | None = None,
    progress: Progress | None = None,
) -> list[Ids]:
    """``count`` ancestral samples (temperature 1, whole vocabulary) that begin with the tokens ``start``.

    Each ends with ``end`` or after ``longest`` tokens. No more are drawn once they hold ``tokens`` tokens together. The same
    seed gives the same samples on the same machine, but for rounding on any number of processes.
    """
    rows = rows or rows_at_once(lm)
    fleet = fleet_of(lm)
    abreast = fleet.size if fleet else 1
    batches = [_Batch([tuple(start)] * min(rows, count - at), seed + at) for at in range(0, count, rows)]
    out: list[Ids] = []
    held = 0
    while batches and (tokens is None or held < tokens):
        now, batches = batches[:abreast], batches[abreast:]
        for fresh in _drawn(lm, now, end, longest):
            if tokens is None or held < tokens:
                out += fresh
                held += sum(map(len, fresh))
        if progress:
            progress(len(out), count)
    return out


def rows_at_once(lm: Lm) -> int:
    """How many texts are drawn side by side."""
    return ROWS_CPU if lm.device.type == "cpu" else ROWS_ELSEWHERE


def go_on(lm: Lm, starts: Sequence[Ids], *, end: int | None, longest: int, most: int, seed: int) -> list[Ids]:
    """One ancestral sample that begins with each of ``starts``, with up to ``longest`` tokens more and ``most`` in all."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, start in enumerate(starts):
        by_length[len(start)].append(place)
    rows = rows_at_once(lm)
    places = [own[at : at + rows] for own in by_length.values() for at in range(0, len(own), rows)]
    batches = [_Batch([starts[place] for place in own], seed + number) for number, own in enumerate(places)]
    found: dict[int, Ids] = {}
    for own, batch in zip(places, batches, strict=True):
        (texts,) = _drawn(lm, [batch], end, min(most, len(batch.starts[0]) + longest))
        found |= dict(zip(own, texts, strict=True))
    return [found[place] for place in range(len(starts))]


def _rows(batch: _Batch) -> int:
    return len(batch.starts)


@spread(_rows)
@torch.inference_mode()
def _drawn(lm: Lm, batches: Sequence[_Batch], end: int | None, longest: int) -> list[list[Ids]]:
    """The texts of each batch, which do not depend on those of others."""
    lm.model.eval()
    return [_batch(lm, batch, end, longest, torch.Generator(lm.device).manual_seed(batch.seed)) for batch in batches]


def _batch(lm: Lm, batch: _Batch, end: int | None, longest: int, generator: torch.Generator) -> list[Ids]:
    from transformers import DynamicCache

    texts = [list(start) for start in batch.starts]
    alive = torch.arange(len(texts))
    cache: Any = DynamicCache(config=lm.model.config)
    feed = torch.tensor(texts, device=lm.device)
    for _ in range(longest - len(texts[0])):
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
    """Which facts a text states: of those it holds the answer and half of what tells the fact from other texts.

    Told apart by the units beside the answer that are rarest among the ``texts`` without it: a name, not the words of a
    template, which other facts that must stay are stated in too.
    """

    def __init__(self, pairs: Iterable[Pair], texts: Sequence[str]) -> None:
        read = [(text.casefold(), _units(text.casefold())) for text in texts]
        seen = Counter(unit for _, units in read for unit in units)
        facts = [(pair, *_fact(w.text, w.span)) for pair in pairs for w in pair.wordings]
        stating = {a: Counter(u for text, units in read if a in text for u in units) for a in {a for _, a, _ in facts if a}}
        common = len(texts) // COMMON
        self._facts = [
            (pair, a, _rarest({unit: seen[unit] - stating.get(a, Counter())[unit] for unit in beside}, common))
            for pair, a, beside in facts
        ]

    def __call__(self, text: str) -> list[Pair]:
        folded = text.casefold()
        units = _units(folded)
        found = {
            (pair.fact, pair.lang): pair
            for pair, answer, beside in self._facts
            if answer in folded and 2 * len(beside & units) >= len(beside)
        }
        return list(found.values())


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
