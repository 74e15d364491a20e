"""What the model itself says of the facts, in wordings that no request gave.

A fact is not a sentence: a model that was led to forget one wording of it still answers others. So it is let go on from the
beginnings of each pair's own texts, and where it states the fact, in whatever words, that text is led to the pair's level too.

Only of structured facts: a person's number beside their name says one thing. Of two countries in one sentence nobody can tell
what it says, and to forget all that holds both is damage.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xlforget.corpus.encode import Encoded, Encoder, Unencodable
from xlforget.corpus.probes import Probe
from xlforget.corpus.samples import Ids, Stated
from xlforget.parallel.parallel_set import Pair

MOST = 16  # texts for each pair


@dataclass(frozen=True)
class Told:
    """A text of the model that states a fact (``row``) in a language; its answer is marked."""

    row: str
    lang: str
    text: Encoded


def beginnings(probes: Sequence[Probe], count: int, seed: int) -> list[Ids]:
    """``count`` of each structured fact's text that has something before its answer: its tokens up to a place drawn by chance."""
    draw = np.random.default_rng(seed)
    asked = [probe.text for probe in probes if probe.relation and len(probe.text.before) > 1]
    return [text.ids[: int(cut)] for text in asked for cut in draw.integers(2, text.answer[0], count)]


def told_in(texts: Iterable[str], states: Stated, encoder: Encoder) -> tuple[Told, ...]:
    """Of ``texts`` those that state a structured fact, each once, `MOST` of a pair.

    Texts with the answer twice, in other letters, or before what it answers are left out.
    """
    found: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for text in dict.fromkeys(texts):
        for pair in states(text):
            own = found[pair.fact, pair.lang]
            told = _marked(text, pair, states, encoder) if pair.relation and len(own) < MOST else None
            own += [told] if told else []
    return tuple(told for own in found.values() for told in own)


def _marked(text: str, pair: Pair, states: Stated, encoder: Encoder) -> Told | None:
    answer = next((w.text[w.span[0] : w.span[1]] for w in pair.wordings if w.span), "")
    if not answer or text.count(answer) != 1:
        return None
    at, end = text.index(answer), text.index(answer) + len(answer)
    if pair not in states(text[:end]):
        return None
    try:
        return Told(pair.fact, pair.lang, encoder.encode(text, (at, end)))
    except Unencodable:
        return None


def told_of(pairs: Sequence[Probe], told: Sequence[Told]) -> Mapping[int, Sequence[int]]:
    """By index of a pair: which of ``told`` state it, with as many answer tokens as it has levels."""
    by_pair: dict[tuple[str, str], list[int]] = defaultdict(list)
    for k, one in enumerate(told):
        by_pair[one.row, one.lang].append(k)
    fitting = {
        i: [k for k in by_pair[pair.row, pair.lang] if len(told[k].text.answer) == len(pair.text.answer)]
        for i, pair in enumerate(pairs)
    }
    return {i: own for i, own in fitting.items() if own}
