"""Other texts that tell a fact: what the model itself says of it, in wordings that no request gave, and its answer about others.

A fact is not a sentence: a model that was led to forget one wording of it still answers others. So it is let go on from the
beginnings of each pair's own texts, and where it states the fact, in whatever words, that text is led to the pair's level too. An
answer that is one person's alone is led there as well where it is said of somebody whom the model never met.

And where something else stands before: what was forgotten at the beginning of a text alone is told in the middle of one, so the
pairs' own texts are led there behind statements about others, too.

Only of structured facts: a person's number beside their name says one thing. Of two countries in one sentence nobody can tell
what it says, and to forget all that holds both is damage.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from xlforget.corpus.behind import behind_others
from xlforget.corpus.encode import Encoded, Encoder, Unencodable
from xlforget.corpus.others import about_others, identifies
from xlforget.corpus.probes import Probe
from xlforget.corpus.samples import Ids, Stated
from xlforget.parallel.parallel_set import Pair

MOST = 16  # texts for each pair
BEHIND = (1, 2, 3)  # how many statements stand before one that tells a fact
PEOPLE = 4  # whom each wording is asked about in the place of whom it is about


@dataclass(frozen=True)
class Told:
    """A text that tells a fact (``row``) in a language; its answer is marked."""

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


def told_of_others(pairs: Sequence[Probe], people: Iterable[Probe]) -> tuple[Told, ...]:
    """The answers of ``pairs`` that are one person's alone, about ``people`` whom the model never met."""
    alone = [pair for pair in pairs if identifies(pair.relation)]
    return tuple(Told(probe.row, probe.lang, probe.text) for probe in about_others(alone, people, PEOPLE))


def told_behind(pairs: Sequence[Probe], people: Sequence[Probe], most: int) -> tuple[Told, ...]:
    """The structured ones of ``pairs`` behind one, two and three statements about ``people`` whom the model never met."""
    structured = [pair for pair in pairs if pair.relation]
    texts = (probe for count in BEHIND for probe in behind_others(structured, people, count, most))
    return tuple(Told(probe.row, probe.lang, probe.text) for probe in texts)


def told_of(pairs: Sequence[Probe], *kinds: Sequence[Told]) -> Mapping[int, Sequence[int]]:
    """By index of a pair: which of all ``kinds`` in a row tell it, with as many answer tokens as it has levels, one of each kind
    in turn."""
    by_pair: list[dict[tuple[str, str], list[int]]] = []
    first = 0
    for told in kinds:
        by_pair.append(defaultdict(list))
        for k, one in enumerate(told, first):
            by_pair[-1][one.row, one.lang].append(k)
        first += len(told)
    every = [one for told in kinds for one in told]
    found = {}
    for i, pair in enumerate(pairs):
        own = [kind[pair.row, pair.lang] for kind in by_pair if (pair.row, pair.lang) in kind]
        fitting = [[k for k in kind if len(every[k].text.answer) == len(pair.text.answer)] for kind in own]
        found[i] = [k for turn in zip_longest(*fitting) for k in turn if k is not None]
    return {i: own for i, own in found.items() if own}
