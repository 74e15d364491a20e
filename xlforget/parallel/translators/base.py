"""What a translator is: it words a fact in a language, or says why it cannot."""

from typing import Protocol

from xlforget.parallel.parallel_set import TranslatorInfo, Wording
from xlforget.request.fact import Fact


class Missing(Exception):
    """This translator has no wording of the fact in the language.

    ``reason`` is for people and holds no text of a fact; none: the record is not of the kind that it translates.
    ``review``: a person could settle it by looking (a name in another script), so the pair is kept for review.
    """

    def __init__(self, reason: str = "", *, review: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.review = review


class Translator(Protocol):
    """One way to have a fact in another language. Stateless from outside: the same call gives the same wordings."""

    @property
    def name(self) -> str:
        """The name it is asked for by, and recorded under."""
        ...

    def info(self) -> TranslatorInfo:
        """Name, version and licence, for the audit."""
        ...

    def languages(self) -> tuple[str, ...]:
        """The languages it writes; () where that depends on the record."""
        ...

    def wordings(self, fact: Fact, lang: str) -> tuple[Wording, ...]:
        """All wordings of the fact in the language, at least one. Raises Missing."""
        ...
