"""The user's own translations: JSON Lines in record forms 5 and 6, and translation memories (TMX).

A row belongs to a fact by its id, or by its text in the fact's language. Only what belongs to the request is kept in memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from xlforget import __version__
from xlforget.parallel import spans
from xlforget.parallel.judging import judge
from xlforget.parallel.pair import Source, TranslatorInfo
from xlforget.parallel.spans import ALONE, SOUND, VERBATIM, Placed
from xlforget.parallel.translators.base import Draft, Missing, source_of
from xlforget.parallel.translators.machine import Back, Machine
from xlforget.parallel.translators.tmx import units
from xlforget.request.fact import ErasureRequest, Fact, Statement
from xlforget.request.reader import read_texts

Statements = dict[str, Statement]  # by language
Key = tuple[str, str]  # language and text
_Own = tuple[Source, str, Placed]


class File:
    """Rows of the user's files that belong to the facts of one request."""

    name = "file"

    def __init__(self, paths: Sequence[str], request: ErasureRequest, second: Machine | None = None) -> None:
        """``second``: a machine that translates what the files say back, as a check.

        Raises RequestError with every problem of a JSON Lines file, UsageError for a TMX file that cannot be read.
        """
        self._second = second
        self._by_id: dict[str, Statements] = {}
        self._by_text: dict[Key, Statements] = {}
        ids = {fact.id for fact in request.facts}
        wanted = {key for fact in request.facts if (source := source_of(fact)) for key in _keys(source)}
        for name, statements in (row for path in paths for row in _rows(path)):
            if name in ids:
                self._by_id.setdefault(name, {}).update(statements)
            for lang, statement in statements.items():
                if (found := _key(lang, statement.text)) in wanted:
                    self._by_text.setdefault(found, {}).update(statements)

    def info(self) -> TranslatorInfo:
        """The user's files: the licence is theirs."""
        return TranslatorInfo(name=self.name, version=__version__, licence="the user's own translations")

    def lacks(self, facts: Sequence[Fact], languages: Sequence[str]) -> tuple[str, ...]:
        """None: what it has depends on the fact."""
        return ()

    def word(self, facts: Sequence[Fact], lang: str, others: Sequence[str]) -> list[Draft | Missing]:
        """The row's text. Where the row does not say what the answer is, it is looked for."""
        found = [self._found(fact, lang) for fact in facts]
        backs = self._back([own for own in found if not isinstance(own, Missing)], lang)
        return [own if isinstance(own, Missing) else self._draft(own, lang, others, backs.get(own[0], Back())) for own in found]

    def _draft(self, own: _Own, lang: str, others: Sequence[str], back: Back) -> Draft:
        source, text, placed = own
        return judge(source, text, placed, lang, others, more=back.checks, back=back.text)

    def _back(self, rows: Sequence[_Own], lang: str) -> dict[Source, Back]:
        """What a second machine makes of them, each source language a batch of its own."""
        backs: dict[Source, Back] = {}
        for from_lang in dict.fromkeys(source.lang for source, _, _ in rows) if self._second else ():
            sources, texts, placed = zip(*(row for row in rows if row[0].lang == from_lang), strict=True)
            if self._second and not self._second.engine.lacks(lang, [from_lang]):
                backs |= dict(zip(sources, self._second.checked_back(sources, texts, placed, lang), strict=True))
        return backs

    def _found(self, fact: Fact, lang: str) -> _Own | Missing:
        source = source_of(fact)
        if source is None:
            return Missing()
        by_id = self._by_id.get(fact.id, {})
        if source.lang in by_id and _key(source.lang, by_id[source.lang].text) != _key(source.lang, source.text):
            return Missing("the translations have another source text under this id", review=True)
        own = by_id.get(lang) or self._by_text.get(_key(source.lang, source.text), {}).get(lang)
        if own is None:
            return Missing("not in the given translations")
        return source, own.text, self._place(source, own, lang)

    def _place(self, source: Source, own: Statement, lang: str) -> Placed:
        if source.span is None:
            return Placed(None)
        if own.span is not None:
            return Placed(own.span, {self.name: own.answer})
        alone = self._by_text.get(_key(source.lang, source.answer), {}).get(lang)
        votes = {
            ALONE: alone.text if alone else "",
            VERBATIM: source.answer if spans.occurrences(own.text, source.answer) else "",
            SOUND: spans.sounding(own.text, source.answer),
        }
        return spans.place(own.text, votes)


def _rows(path: str) -> Iterator[tuple[str, Statements]]:
    """Ids ("" where there is none) and texts by language."""
    if path.lower().endswith(".tmx"):
        yield from (("", _plain(unit)) for unit in units(Path(path)))
    else:
        yield from ((row.id, row.statements) for row in read_texts(path))


def _plain(unit: dict[str, str]) -> Statements:
    return {lang: Statement(text=text) for lang, text in unit.items() if text}


def _keys(source: Source) -> Iterable[Key]:
    return _key(source.lang, source.text), _key(source.lang, source.answer)


def _key(lang: str, text: str) -> Key:
    return lang, " ".join(text.split()).casefold().rstrip(".")
