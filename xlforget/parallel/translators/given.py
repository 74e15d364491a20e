"""The texts that the request itself gives: only the languages given, one wording for every use."""

from xlforget import __version__
from xlforget.parallel.parallel_set import TranslatorInfo, Wording
from xlforget.parallel.translators.base import Missing
from xlforget.request.fact import Fact


class Given:
    """Record forms 1, 2, 3, 5 and 6."""

    name = "given"

    def info(self) -> TranslatorInfo:
        """The requester's own words: the licence is theirs."""
        return TranslatorInfo(name=self.name, version=__version__, licence="the requester's own text")

    def languages(self) -> tuple[str, ...]:
        """Depends on the record."""
        return ()

    def wordings(self, fact: Fact, lang: str) -> tuple[Wording, ...]:
        """The given statement of that language. Raises Missing."""
        statement = fact.statements.get(lang)
        if statement is None:
            raise Missing("no text given in this language" if fact.statements else "")
        return (Wording(text=statement.text, span=statement.span, role="all"),)
