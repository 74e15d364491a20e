"""Statements behind others: who forgot how a text begins, and not what it says, tells the fact in the middle of a longer one.

A statement is put behind statements about people of whom no fact is, in the same language. Token by
token, which needs no words.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe


def behind_others(probes: Sequence[Probe], others: Iterable[Probe], count: int, most: int) -> list[Probe]:
    """Each of ``probes`` behind ``count`` of ``others`` of its language, of other rows and by chance, in ``most`` tokens at most.

    Without alternatives. There is no text where nobody else is spoken of in the language, and where no whole statement fits.
    """
    spoken: dict[str, list[Probe]] = defaultdict(list)
    for one in others:
        spoken[one.lang].append(one)
    found = []
    for probe in probes:
        before = [one.text.inner for one in _drawn(probe, spoken[probe.lang], count)]
        said = [token for text in before for token in text]
        room = min(len(said), most - len(probe.text.ids))
        if before and room >= len(before[-1]):
            found.append(replace(probe, text=_behind(probe.text, said[len(said) - room :]), alternatives=(), rivals=()))
    return found


def _drawn(probe: Probe, others: Sequence[Probe], count: int) -> list[Probe]:
    first = int.from_bytes(hashlib.sha256(f"{probe.row}/{probe.wording}/{count}".encode()).digest()[:8])
    turned = (others[(first + k) % len(others)] for k in range(len(others)))
    return [one for one in turned if one.row != probe.row][:count]


def _behind(text: Encoded, said: Sequence[int]) -> Encoded:
    """What stands for no character stays at the ends."""
    ids = (*text.ids[: text.front], *said, *text.ids[text.front :])
    return replace(text, ids=ids, answer=tuple(at + len(said) for at in text.answer))
