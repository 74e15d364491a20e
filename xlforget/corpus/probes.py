"""Probes: a statement as tokens together with what it stands for (row, language, wording) and its alternatives."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from xlforget.corpus.encode import Encoded, Encoder, Span, Unencodable
from xlforget.parallel.parallel_set import Pair, Wording
from xlforget.parallel.parallel_set import Role as ParallelRole

Role = Literal["train", "stop", "gate"]

RIVALS = 6
FIRST = 3  # of them stand before what is measured, so that older evidence is measured as it was


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
    encoder: Encoder,
    pairs: Iterable[Pair],
    alternatives: int,
    roles: Collection[str] = get_args(ParallelRole),
    rivals: int = RIVALS,
) -> tuple[list[Probe], list[Refused]]:
    """Probes of all pairs in the wordings of ``roles``, with up to ``alternatives`` other answers each, and up
    to ``rivals`` (no fewer than `FIRST`) for training.

    A pair that the model cannot hold is refused.
    """
    asked = [(pair, _Asked.of(pair, alternatives, roles, rivals)) for pair in pairs]
    encoded = iter(encoder.encode_all([text for _, own in asked for one in own for text in one.texts]))
    probes: list[Probe] = []
    refused: list[Refused] = []
    for pair, own in asked:
        made = [_probe(pair, one, [next(encoded) for _ in one.texts]) for one in own]
        errors = [error for error in made if isinstance(error, Unencodable)]
        if errors:
            refused.append(Refused(pair.fact, pair.lang, errors[0].code))
        else:
            probes += [probe for probe in made if isinstance(probe, Probe)]
    return probes, refused


@dataclass(frozen=True)
class _Asked:
    """One wording of a pair and all texts to encode for it: itself, then the same with other answers in the span.

    ``alternatives``: how many of these are measured at most.
    """

    number: int
    role: str
    texts: tuple[tuple[str, Span], ...]
    alternatives: int

    @classmethod
    def of(cls, pair: Pair, alternatives: int, roles: Collection[str], rivals: int) -> list["_Asked"]:
        others = pair.candidates[: alternatives + rivals] if alternatives else ()
        return [
            cls(k, wording.role, ((wording.text, wording.span), *_others(wording, others)), alternatives)
            for k, wording in enumerate(pair.wordings)
            if wording.role in roles
        ]


def _others(wording: Wording, candidates: Sequence[str]) -> Iterable[tuple[str, Span]]:
    """The text with candidates in the answer's place."""
    if wording.span is None:
        return
    start, end = wording.span
    for candidate in candidates:
        yield wording.text[:start] + candidate + wording.text[end:], (start, start + len(candidate))


def _probe(pair: Pair, asked: _Asked, encoded: Sequence[Encoded | Unencodable]) -> Probe | Unencodable:
    """Of the other answers that can be encoded a third, `FIRST` at most, are rivals; then come those that are measured, and the
    rest are rivals again."""
    own = encoded[0]
    if isinstance(own, Unencodable):
        return own
    others = [text for text in encoded[1:] if isinstance(text, Encoded)]
    first = min(FIRST, len(others) // 3) if asked.role in ("train", "all") else 0
    measured, after = others[first:][: asked.alternatives], others[first + asked.alternatives :]
    rivals = (*others[:first], *after) if first else ()
    return Probe(pair.fact, pair.lang, asked.number, asked.role, own, tuple(measured), rivals, pair.relation)
