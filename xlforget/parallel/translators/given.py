"""The texts that the request itself gives: only the languages given, one wording for every use."""

from collections.abc import Sequence

from xlforget import __version__
from xlforget.parallel.judging import judge
from xlforget.parallel.pair import TranslatorInfo, Wording
from xlforget.parallel.spans import Placed
from xlforget.parallel.translators.base import Draft, Missing, source_of
from xlforget.request.fact import Fact


class Given:
    """Record forms 1, 2, 3, 5 and 6."""

    name = "given"

    def info(self) -> TranslatorInfo:
        """The requester's own words: the licence is theirs."""
        return TranslatorInfo(name=self.name, version=__version__, licence="the requester's own text")

    def lacks(self, facts: Sequence[Fact], languages: Sequence[str]) -> tuple[str, ...]:
        """None: what it has depends on the record."""
        return ()

    def word(self, facts: Sequence[Fact], lang: str, others: Sequence[str]) -> list[Draft | Missing]:
        """The given statement of that language. What its checks find is a warning at most: the requester wrote it."""
        return [self._draft(fact, lang, others) for fact in facts]

    def _draft(self, fact: Fact, lang: str, others: Sequence[str]) -> Draft | Missing:
        statement, source = fact.statements.get(lang), source_of(fact)
        if statement is None or source is None:
            return Missing("no text given in this language" if fact.statements else "")
        if source.lang == lang:
            return Draft((Wording(text=statement.text, span=statement.span, role="all"),))
        return judge(source, statement.text, Placed(statement.span), lang, others, worst_allowed="warn")
