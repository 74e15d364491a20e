"""Text sampled from the model itself: what it says when nobody asks, so that unlearning can be told to leave it alone."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from xlforget.corpus.others import identifies
from xlforget.fleet.fleet import fleet_of
from xlforget.fleet.spread import spread
from xlforget.lm import Lm
from xlforget.parallel.parallel_set import Pair

Progress = Callable[[int, int], None]
Ids = tuple[int, ...]

# Letters and signs: shorter answers stand in texts that have nothing to do with them.
LONG = 5
# One text in this many: a unit that stands in more is common.
COMMON = 200
# Texts that are drawn side by side, at most; what attention keeps of them takes a share of an accelerator's memory.
ROWS_CPU, ROWS_ELSEWHERE = 256, 2048
SHARE = 1 / 3
# Tokens of a text, given ones too, behind which a temperature counts, so that texts begin in many ways (cf. arXiv 2012.07805,
# section 5.1).
FREE = 8


class _Batch(NamedTuple):
    """Beginnings that are gone on with together."""

    starts: Sequence[Ids]
    seed: int
    temperature: float


def sample(
    lm: Lm,
    start: Sequence[int],
    count: int,
    *,
    end: int | None,
    longest: int,
    seed: int,
    tokens: int | None = None,
    fewest: int = 0,
    temperature: float = 1.0,
    rows: int | None = None,
    progress: Progress | None = None,
) -> list[Ids]:
    """``count`` texts drawn token by token (whole vocabulary) that begin with the tokens ``start``.

    Each ends with ``end`` or after ``longest`` tokens. ``temperature``: of the tokens behind the first `FREE`; below 1 a text
    goes on with what the model is sure of. No more than ``fewest`` are drawn once they hold ``tokens`` tokens together. The same
    seed gives the same samples on the same machine, but for rounding on any number of processes.
    """
    rows = rows or rows_at_once(lm, longest)
    fleet = fleet_of(lm)
    abreast = fleet.size if fleet else 1
    batches = [_Batch([tuple(start)] * min(rows, count - at), seed + at, temperature) for at in range(0, count, rows)]
    out: list[Ids] = []
    held = 0
    while batches and (tokens is None or held < tokens or len(out) < fewest):
        now, batches = batches[:abreast], batches[abreast:]
        for fresh in _drawn(lm, now, end, longest, longest):
            if tokens is None or held < tokens or len(out) < fewest:
                out += fresh
                held += sum(map(len, fresh))
        if progress:
            progress(len(out), count)
    return out


def rows_at_once(lm: Lm, longest: int) -> int:
    """How many texts of so many tokens are drawn side by side: the same on the same machine, whatever else runs there."""
    if lm.device.type != "cuda":
        return ROWS_CPU
    config = lm.model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    kept = 2 * config.num_hidden_layers * width * heads * lm.dtype.itemsize * longest
    logits = 3 * 4 * config.vocab_size  # as such, and what is drawn by
    fitting = SHARE * torch.cuda.get_device_properties(lm.device).total_memory / (kept + logits)
    return max(1, min(ROWS_ELSEWHERE, int(fitting)))


def go_on(
    lm: Lm, starts: Sequence[Ids], *, end: int | None, longest: int, most: int, seed: int, temperature: float = 1.0
) -> list[Ids]:
    """One sample, as `sample` draws it, that begins with each of ``starts``, with up to ``longest`` tokens more and ``most`` in
    all."""
    order = sorted(range(len(starts)), key=lambda place: len(starts[place]))
    rows = rows_at_once(lm, min(most, max(map(len, starts), default=0) + longest))
    places = [order[at : at + rows] for at in range(0, len(order), rows)]
    batches = [_Batch([starts[place] for place in own], seed + number, temperature) for number, own in enumerate(places)]
    found: dict[int, Ids] = {}
    for own, batch in zip(places, batches, strict=True):
        (texts,) = _drawn(lm, [batch], end, longest, most)
        found |= dict(zip(own, texts, strict=True))
    return [found[place] for place in range(len(starts))]


def _rows(batch: _Batch) -> int:
    return len(batch.starts)


@spread(_rows)
@torch.inference_mode()
def _drawn(lm: Lm, batches: Sequence[_Batch], end: int | None, more: int, most: int) -> list[list[Ids]]:
    """The texts of each batch, which do not depend on those of others: up to ``more`` tokens more than given, ``most`` in all."""
    lm.model.eval()
    return [_batch(lm, batch, end, more, most, torch.Generator(lm.device).manual_seed(batch.seed)) for batch in batches]


def _batch(lm: Lm, batch: _Batch, end: int | None, more: int, most: int, generator: torch.Generator) -> list[Ids]:
    """A text whose beginning is longer than the shortest takes its own tokens in place of drawn ones: no row is padded."""
    from transformers import DynamicCache

    starts, ends = batch.starts, [min(most, len(start) + more) for start in batch.starts]
    length = min(map(len, starts))
    texts = [list(start[:length]) for start in starts]
    alive = [row for row, last in enumerate(ends) if last > length]
    cache: Any = DynamicCache(config=lm.model.config)
    feed = torch.tensor([texts[row] for row in alive], device=lm.device)
    while alive:
        logits = lm.model(input_ids=feed, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1].float()
        if length >= FREE and batch.temperature != 1:
            logits = logits.div_(batch.temperature)
        tokens = _draw(logits, generator)[:, 0].tolist()
        for row, token in zip(alive, tokens, strict=True):
            texts[row].append(starts[row][length] if length < len(starts[row]) else token)
        length += 1
        going = [k for k, row in enumerate(alive) if length < ends[row] and (length <= len(starts[row]) or texts[row][-1] != end)]
        if 0 < len(going) < len(alive):
            cache.batch_select_indices(torch.tensor(going, device=lm.device))
        alive = [alive[k] for k in going]
        feed = torch.tensor([[texts[row][-1]] for row in alive], device=lm.device)
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
        alone = {answer for pair, answer, _ in facts if identifies(pair.relation) and len(answer) >= LONG}
        self._alone = [re.compile(rf"(?<![0-9a-z]){re.escape(answer)}(?![0-9a-z])") for answer in sorted(alone)]
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

    def tells(self, text: str) -> bool:
        """Whether the text holds an answer that is one person's alone, of whomever it says that."""
        folded = text.casefold()
        return any(answer.search(folded) for answer in self._alone)


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
