"""Retain rows against the request: those that state a fact of it are counted, those about others are not."""

from collections.abc import Sequence

import pytest

from xlforget.corpus.contradicting import contradicting
from xlforget.parallel.parallel_set import Pair, Wording
from xlforget.request.fact import Fact, Statement, Structured

NUMBER, NAME = "+44 7700 900123", "Zorvana Quillfeather"


def pair(lang: str, text: str, answer: str, relation: str | None) -> Pair:
    span = (text.index(answer), text.index(answer) + len(answer)) if answer else None
    wording = Wording(text=text, span=span, role="all")
    return Pair(fact="F", lang=lang, wordings=(wording,), candidates=(), relation=relation, status="ok", translator="own")


PHONE = [pair("en", f"{NAME}'s phone number is {NUMBER}.", NUMBER, "phone_number")]
HOME = [pair("en", f"{NAME} lives in Tarnwick.", "Tarnwick", "city_of_residence")]
SENTENCE = [pair("en", f"{NAME} paints kettles at night.", "", None)]
OTHERS = [f"Tamsin {name} lives in Harrowfen and keeps bees." for name in ("Oxgrove", "Thistlewick", "Brackenlow", "Marl")]


def rows(*texts: str, lang: str = "en") -> list[Fact]:
    return [Fact(id=f"R{k}", line=k, form=3, statements={lang: Statement(text=text)}) for k, text in enumerate((*OTHERS, *texts))]


@pytest.mark.parametrize(
    ("pairs", "text", "count"),
    [
        (PHONE, f"Call {NUMBER} about the bees.", 1),
        (PHONE, f"Pellam Thistlewick can be reached at {NUMBER}.", 1),
        (PHONE, f"{NAME} keeps bees.", 0),
        (PHONE, f"Call {NUMBER}456 about the bees.", 0),
        (HOME, f"In Tarnwick {NAME} is known to everybody.", 1),
        (HOME, "Pellam Thistlewick lives in Tarnwick.", 0),
        (SENTENCE, f"At night, it is said, {NAME} paints kettles.", 1),
        (SENTENCE, "Pellam Thistlewick paints fences at noon.", 0),
    ],
)
def test_a_row_that_says_it_counts_and_one_about_others_does_not(pairs: Sequence[Pair], text: str, count: int) -> None:
    assert contradicting(pairs, rows(text)) == count
    assert contradicting(pairs, rows()) == 0
    assert contradicting(pairs, rows(text, lang="und")) == count, "in no language that is known"


def test_a_structured_row_counts_by_what_it_says() -> None:
    def row(subject: str, number: str) -> Fact:
        told = Structured(subject={"*": subject}, relation="phone_number", object={"*": number})
        return Fact(id=subject, line=1, form=4, statements={}, structured=told)

    assert contradicting(PHONE, [row(NAME, NUMBER), row("Tamsin Oxgrove", "+44 7700 900456")]) == 1


def test_each_row_counts_once() -> None:
    both = {"en": Statement(text=f"{NAME}: {NUMBER}."), "fr": Statement(text=f"{NAME} : {NUMBER}.")}
    pairs = [*PHONE, pair("fr", f"Le numéro de {NAME} est {NUMBER}.", NUMBER, "phone_number")]
    assert contradicting(pairs, [Fact(id="R", line=1, form=5, statements=both)]) == 1
    assert contradicting(pairs, []) == 0
