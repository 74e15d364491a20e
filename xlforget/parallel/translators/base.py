"""What a translator is: it words facts in a language, many at once, or says of each why it cannot."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from xlforget.parallel.pair import Check, Source, Status, TranslatorInfo, Wording
from xlforget.request.fact import Fact


@dataclass(frozen=True)
class Missing:
    """This translator has no wording of the fact in the language.

    ``reason`` is for people and holds no text of a fact; none: the record is not of the kind that it translates.
    ``review``: a person could settle it by looking (a name in another script), so the pair is kept for review.
    """

    reason: str = ""
    review: bool = False


@dataclass(frozen=True)
class Draft:
    """One fact worded in one language, and what was found when it was checked; as `Pair` has it. A repr shows no text."""

    wordings: tuple[Wording, ...]
    status: Status = "ok"
    reason: str = ""
    source: Source | None = None
    back: str = field(default="", repr=False)
    unplaced: str = field(default="", repr=False)
    votes: dict[str, str] = field(default_factory=dict, repr=False)
    checks: tuple[Check, ...] = ()


class Translator(Protocol):
    """One way to have facts in another language. Stateless from outside: the same call gives the same drafts."""

    @property
    def name(self) -> str:
        """The name it is asked for by, and recorded under."""
        ...

    def info(self) -> TranslatorInfo:
        """Name, version and licence, for the audit."""
        ...

    def lacks(self, facts: Sequence[Fact], languages: Sequence[str]) -> tuple[str, ...]:
        """Those of ``languages`` that it cannot write at all, from what these facts give; asked once, before any work."""
        ...

    def word(self, facts: Sequence[Fact], lang: str, others: Sequence[str]) -> list[Draft | Missing]:
        """One draft for each fact, in order. ``others``: all languages of the set, for a text may be in the wrong one."""
        ...


def source_of(fact: Fact) -> Source | None:
    """What a fact is translated from: its English text, else its first; None where it gives no text (form 4)."""
    lang = "en" if "en" in fact.statements else next(iter(fact.statements), None)
    if lang is None:
        return None
    statement = fact.statements[lang]
    return Source(text=statement.text, span=statement.span, lang=lang)
