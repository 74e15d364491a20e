"""Gold translations spoiled on purpose, to see what the checks of a translation notice."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from xlforget.parallel import scripts
from xlforget.parallel.checks import check
from xlforget.parallel.pair import Source, worst
from xlforget.request.fact import Statement

SOURCE = "en"
Spoiled = tuple[str, str]  # text and answer


@dataclass(frozen=True)
class Gold:
    """One sentence in several languages, its answer marked in each."""

    statements: Mapping[str, Statement]

    def source(self) -> Source:
        own = self.statements[SOURCE]
        return Source(text=own.text, span=own.span, lang=SOURCE)


@dataclass(frozen=True)
class Noticed:
    """How many rows were spoiled in one way, how many of them a person would be shown, how many only carry a warning."""

    rows: int
    flagged: int
    warned: int


def notice(rows: Sequence[Gold], languages: Sequence[str]) -> dict[str, Noticed]:
    """Every way to spoil a row, over all rows and languages but the source's."""
    return {kind: _noticed(spoil, rows, languages) for kind, spoil in KINDS.items()}


def untouched(rows: Sequence[Gold], languages: Sequence[str]) -> dict[str, Counter[str]]:
    """Statuses of the gold rows themselves, by language."""
    return {lang: Counter(_status(row.source(), _said(row, lang), lang, languages) for row in rows) for lang in languages}


def _noticed(spoil: "Spoil", rows: Sequence[Gold], languages: Sequence[str]) -> Noticed:
    found: Counter[str] = Counter()
    for lang in languages:
        for number, row in enumerate(rows if lang != SOURCE else ()):
            spoiled = spoil(row, lang, rows[number + 1 :] + rows[:number])  # type: ignore[operator]
            if spoiled is not None:
                found[_status(row.source(), spoiled, lang, languages)] += 1
    return Noticed(found.total(), found["review"] + found["fail"], found["warn"])


def _status(source: Source, said: Spoiled, lang: str, languages: Sequence[str]) -> str:
    return worst(check(source, *said, lang, others=tuple(languages)))


def _said(row: Gold, lang: str) -> Spoiled:
    return row.statements[lang].text, row.statements[lang].answer


Spoil = Callable[[Gold, str, Sequence[Gold]], Spoiled | None]


def _copy(row: Gold, lang: str, others: Sequence[Gold]) -> Spoiled | None:
    return _said(row, SOURCE)


def _wrong_language(row: Gold, lang: str, others: Sequence[Gold]) -> Spoiled | None:
    """The same sentence in another language of the same script, where there is one."""
    near = [own for own in row.statements if own not in (lang, SOURCE) and scripts.script(own) == scripts.script(lang)]
    far = [own for own in row.statements if own not in (lang, SOURCE)]
    return next((_said(row, own) for own in (*near[len(row.source().text) % max(1, len(near)) :], *far)), None)


def _dropped(row: Gold, lang: str, others: Sequence[Gold]) -> Spoiled | None:
    before, answer, after = _parts(row, lang)
    return f"{before.rstrip()}{after}", answer


def _swapped(row: Gold, lang: str, others: Sequence[Gold]) -> Spoiled | None:
    before, answer, after = _parts(row, lang)
    other = next((o for o in _answers(others, lang) if o.casefold() != answer.casefold()), None)
    return None if other is None else (f"{before}{other}{after}", other)


def _digit(row: Gold, lang: str, others: Sequence[Gold]) -> Spoiled | None:
    before, answer, after = _parts(row, lang)
    place = next((k for k, sign in enumerate(answer) if sign.isdecimal()), None)
    if place is None:
        return None
    other = f"{answer[:place]}{(int(answer[place]) + 1) % 10}{answer[place + 1 :]}"
    return f"{before}{other}{after}", other


def _doubled(row: Gold, lang: str, others: Sequence[Gold]) -> Spoiled | None:
    before, answer, after = _parts(row, lang)
    return f"{before}{answer} {answer}{after}", answer


def _loop(row: Gold, lang: str, others: Sequence[Gold]) -> Spoiled | None:
    text, answer = _said(row, lang)
    first = text.split()[0]
    return f"{text} {' '.join([first] * 5)}", answer


def _markup(row: Gold, lang: str, others: Sequence[Gold]) -> Spoiled | None:
    before, answer, after = _parts(row, lang)
    return f"{before}<a>{answer}</a>{after}", answer


def _unknown_mark(row: Gold, lang: str, others: Sequence[Gold]) -> Spoiled | None:
    text, answer = _said(row, lang)
    return f"*{text}", answer


def _direction(row: Gold, lang: str, others: Sequence[Gold]) -> Spoiled | None:
    before, answer, after = _parts(row, lang)
    return f"{before}\u202e{answer}\u202c{after}", answer


def _truncated(row: Gold, lang: str, others: Sequence[Gold]) -> Spoiled | None:
    text, answer = _said(row, lang)
    return text[: len(text) * 3 // 5], answer


def _parts(row: Gold, lang: str) -> tuple[str, str, str]:
    own = row.statements[lang]
    start, end = own.span or (0, len(own.text))
    return own.text[:start], own.answer, own.text[end:]


def _answers(rows: Iterable[Gold], lang: str) -> Iterable[str]:
    return (row.statements[lang].answer for row in rows)


KINDS: dict[str, Spoil] = {
    "copy of the source": _copy,
    "wrong language": _wrong_language,
    "answer dropped": _dropped,
    "digit changed": _digit,
    "answer doubled": _doubled,
    "loop": _loop,
    "markup left over": _markup,
    "mark of an unknown word": _unknown_mark,
    "direction controls": _direction,
    "truncated": _truncated,
    "answer swapped": _swapped,
}
