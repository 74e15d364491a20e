"""A pair as a line of the parallel set file, which people read and edit, and back.

Each row carries a seal, a keyed digest of itself: a row that was changed in an editor is known by it, and is a person's
from then on. The seal is no protection against whoever has the file, for the file holds its key.
"""

import hmac
from collections.abc import Mapping
from typing import Annotated, Any

import rfc8785
from pydantic import Field

from xlforget.parallel.pair import Check, Decision, Pair, Role, Source, Status, TranslatorInfo, Wording, _Value
from xlforget.request.clean import clean, locate
from xlforget.request.fact import Statement
from xlforget.request.faults import Fault

SEAL = 16  # hex digits
Span = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]


class Said(_Value):
    """A text, its answer, and where that stands. ``answer`` None: the whole sentence; "": nobody could place it yet."""

    text: str = Field(repr=False)
    answer: str | None = Field(repr=False)
    span: Span | None

    def statement(self) -> Statement:
        """ValueError where the answer does not stand in the text exactly once and no span says where."""
        if self.answer is None:
            return Statement(text=self.text)
        if self.span is not None and self.text[slice(*self.span)] == self.answer:
            return Statement(text=self.text, span=self.span)
        try:
            return locate(self.text, self.answer)
        except Fault as fault:
            raise ValueError(f"text {fault.message}") from None


class Other(Said):
    """A further wording of the same fact."""

    role: Role


class From(Said):
    """What was translated."""

    lang: str


class By(_Value):
    """Who wrote the row."""

    backend: str
    model: str
    revision: str
    licence: str


class Result(_Value):
    """What a check found."""

    outcome: Status
    value: float | None


class Row(_Value):
    """One line. ``text`` "" and ``answer`` "": there is none."""

    id: str
    lang: str
    status: Status
    text: str = Field(repr=False)
    answer: str | None = Field(repr=False)
    span: Span | None
    reason: str
    decision: Decision
    source: From | None
    back: str = Field(repr=False)
    votes: dict[str, str] = Field(repr=False)
    checks: dict[str, Result]
    translator: By
    role: Role
    others: tuple[Other, ...]
    candidates: tuple[str, ...] = Field(repr=False)
    relation: str | None
    seal: str = Field("", repr=False)


def to_row(pair: Pair, info: TranslatorInfo) -> dict[str, Any]:
    """The pair as a JSON object, without a seal."""
    first = pair.wordings[0] if pair.wordings else None
    return {
        "id": pair.fact,
        "lang": pair.lang,
        "status": pair.status,
        **(_said(first) if first else {"text": pair.unplaced, "answer": "", "span": None}),
        "reason": pair.reason,
        "decision": pair.decision,
        "source": {"lang": pair.source.lang, **_said(pair.source)} if pair.source else None,
        "back": pair.back,
        "votes": pair.votes,
        "checks": {check.name: {"outcome": check.outcome, "value": check.value} for check in pair.checks},
        "translator": {"backend": info.name, "model": info.model, "revision": info.version, "licence": info.licence},
        "role": first.role if first else "all",
        "others": [{**_said(wording), "role": wording.role} for wording in pair.wordings[1:]],
        "candidates": list(pair.candidates),
        "relation": pair.relation,
    }


def sealed(row: dict[str, Any], key: bytes) -> dict[str, Any]:
    """The row with its seal."""
    return {**row, "seal": _seal(row, key)}


def from_row(row: Row, given: Mapping[str, Any], key: bytes) -> tuple[Pair, TranslatorInfo]:
    """The pair of a parsed row; ``given``: the row as it stood in the file. ValueError: its answer cannot be placed.

    A row whose seal does not fit was changed by hand, and is marked as such.
    """
    by_hand = not hmac.compare_digest(_seal({k: v for k, v in given.items() if k != "seal"}, key).encode(), row.seal.encode())
    if by_hand:
        row = row.model_copy(update={"text": clean(row.text), "answer": row.answer and clean(row.answer)})
    wordings = () if row.answer == "" else (_wording(row, row.role), *(_wording(other, other.role) for other in row.others))
    by = row.translator
    pair = Pair(
        fact=row.id,
        lang=row.lang,
        wordings=wordings,
        candidates=row.candidates,
        relation=row.relation,
        status=row.status,
        reason=row.reason,
        translator=by.backend,
        source=_source(row.source) if row.source else None,
        back=row.back,
        unplaced="" if wordings else row.text,
        votes=row.votes,
        checks=tuple(Check(name=name, outcome=r.outcome, value=r.value) for name, r in row.checks.items()),
        decision=row.decision or "edited" if by_hand else row.decision,
    )
    return pair, TranslatorInfo(name=by.backend, model=by.model, version=by.revision, licence=by.licence)


def _said(statement: Statement) -> dict[str, Any]:
    span = list(statement.span) if statement.span else None
    return {"text": statement.text, "answer": statement.answer if span else None, "span": span}


def _wording(said: Said | Row, role: Role) -> Wording:
    statement = Said(text=said.text, answer=said.answer, span=said.span).statement()
    return Wording(text=statement.text, span=statement.span, role=role)


def _source(given: From) -> Source:
    statement = given.statement()
    return Source(text=statement.text, span=statement.span, lang=given.lang)


def _seal(row: Mapping[str, Any], key: bytes) -> str:
    try:
        canonical = rfc8785.dumps(dict(row))
    except (rfc8785.CanonicalizationError, ValueError):
        return ""
    return hmac.new(key, canonical, "sha256").hexdigest()[:SEAL]
