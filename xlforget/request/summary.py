"""What a request asks for, in figures: nothing here holds text of a fact, so it can be shown and logged."""

from collections import Counter
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from xlforget.request import phrasebook
from xlforget.request.fact import ErasureRequest, Fact


class Missing(BaseModel):
    """A language of the phrasebook in which one line cannot be worded, and why (see phrasebook.MissingWording)."""

    model_config = ConfigDict(frozen=True)

    line: int
    lang: str
    reason: str
    message: str


class Summary(BaseModel):
    """``forms``: facts by record form. ``given``: facts with a text, by language. ``worded``: those of form 4."""

    model_config = ConfigDict(frozen=True)

    facts: int
    forms: dict[int, int]
    given: dict[str, int]
    worded: dict[str, int]
    missing: tuple[Missing, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        """Every language in which some fact can be had."""
        return tuple(dict.fromkeys([*self.given, *self.worded]))


def summarise(request: ErasureRequest) -> Summary:
    """Count a request, and try the phrasebook on its structured facts."""
    worded: Counter[str] = Counter()
    missing: list[Missing] = []
    for fact, lang in _structured(request):
        reason = _missing(fact, lang)
        if reason:
            missing.append(reason)
        else:
            worded[lang] += 1
    return Summary(
        facts=len(request.facts),
        forms=dict(sorted(Counter(fact.form for fact in request.facts).items())),
        given=dict(Counter(lang for fact in request.facts for lang in fact.statements)),
        worded=dict(worded),
        missing=tuple(missing),
    )


def _structured(request: ErasureRequest) -> Iterator[tuple[Fact, str]]:
    for fact in request.facts:
        if fact.structured:
            yield from ((fact, lang) for lang in phrasebook.languages())


def _missing(fact: Fact, lang: str) -> Missing | None:
    assert fact.structured
    try:
        phrasebook.wordings(fact.structured, lang)
    except phrasebook.MissingWording as error:
        return Missing(line=fact.line, lang=lang, reason=error.reason, message=error.what)
    return None
