"""Retain rows that say what the request asks to be forgotten: training would keep it known, and the gate fail for it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from xlforget.corpus.samples import Stated
from xlforget.parallel.parallel_set import Pair
from xlforget.request import phrasebook
from xlforget.request.fact import Fact
from xlforget.request.phrasebook import MissingWording


def contradicting(pairs: Sequence[Pair], rows: Sequence[Fact]) -> int:
    """How many of the ``rows`` state a fact of the ``pairs``, or hold an answer of it that is one person's alone.

    In whatever language they are said to be in.
    """
    langs = tuple(dict.fromkeys(pair.lang for pair in pairs))
    told = [list(_texts(row, langs)) for row in rows]
    states = Stated(pairs, [text for own in told for text in own])
    return sum(any(states(text) or states.tells(text) for text in own) for own in told)


def _texts(row: Fact, langs: Sequence[str]) -> Iterator[str]:
    yield from (statement.text for statement in row.statements.values())
    if row.structured:
        for lang in langs:
            with suppress(MissingWording):
                yield from (wording.text for wording in phrasebook.wordings(row.structured, lang))
