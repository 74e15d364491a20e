"""Probes: a statement as tokens together with what it stands for (row, language, wording) and its alternatives."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from xlforget.corpus.encode import Encoded, Encoder, Unencodable
from xlforget.parallel.parallel_set import Pair, Wording
from xlforget.parallel.parallel_set import Role as ParallelRole

Role = Literal["train", "stop", "gate"]

RIVALS = 3


@dataclass(frozen=True)
class Probe:
    """One wording of one pair (or control). ``alternatives``: the same text with another answer of its type in the span.

    ``rivals`` are further ones, for training: what training has seen is not what the margin is measured against.
    """

    row: str
    lang: str
    wording: int
    role: str
    text: Encoded
    alternatives: tuple[Encoded, ...] = ()
    rivals: tuple[Encoded, ...] = ()
    relation: str | None = None

    def serves(self, role: Role) -> bool:
        return self.role in (role, "all")


@dataclass(frozen=True)
class Refused:
    """A pair that the model cannot be asked about: why, by code, never by text."""

    row: str
    lang: str
    code: str


def encode_pairs(
    encoder: Encoder, pairs: Iterable[Pair], alternatives: int, roles: Collection[str] = get_args(ParallelRole)
) -> tuple[list[Probe], list[Refused]]:
    """Probes of all pairs in the wordings of ``roles``, with up to ``alternatives`` other answers each.

    A pair that the model cannot hold is refused.
    """
    probes: list[Probe] = []
    refused: list[Refused] = []
    for pair in pairs:
        try:
            probes += [
                _probe(encoder, pair, k, wording, alternatives)
                for k, wording in enumerate(pair.wordings)
                if wording.role in roles
            ]
        except Unencodable as error:
            refused.append(Refused(pair.fact, pair.lang, error.code))
    return probes, refused


def _probe(encoder: Encoder, pair: Pair, number: int, wording: Wording, alternatives: int) -> Probe:
    """A third of the other answers that there are, three at most, are rivals; the rest measures."""
    others = list(_others(encoder, wording, pair.candidates, alternatives + RIVALS)) if wording.span and alternatives else []
    rivals = others[: min(RIVALS, len(others) // 3)] if wording.role in ("train", "all") else []
    text = encoder.encode(wording.text, wording.span)
    measured = tuple(others[len(rivals) :][:alternatives])
    return Probe(pair.fact, pair.lang, number, wording.role, text, measured, tuple(rivals), pair.relation)


def _others(encoder: Encoder, wording: Wording, candidates: Sequence[str], limit: int) -> Iterable[Encoded]:
    """Encodings with a candidate in the answer's place; one that cannot be encoded is left out of the margin."""
    assert wording.span is not None
    start, end = wording.span
    made = 0
    for candidate in candidates:
        if made == limit:
            return
        try:
            encoded = encoder.encode(wording.text[:start] + candidate + wording.text[end:], (start, start + len(candidate)))
        except Unencodable:
            continue
        made += 1
        yield encoded
