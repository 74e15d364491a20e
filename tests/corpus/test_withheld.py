"""Bystanders of the retain rows share nobody with the rows that training reads."""

import random
from collections.abc import Callable

import pytest

from xlforget.corpus.withheld import SHARE, subjects, withheld
from xlforget.request.fact import Fact, Statement, Structured


def worded(person: int, wording: int, answer: str = "") -> Fact:
    """A text about one person, who is known by a number of their own unless ``answer`` is another's, too."""
    told = answer or f"555 {person:04}"
    texts = {"en": f"Wording {wording} of person {person}: ", "fr": f"Forme {wording} de la personne {person} : "}
    statements = {lang: Statement(text=text + told, span=(len(text), len(text + told))) for lang, text in texts.items()}
    return Fact(id=f"{person}-{wording}", line=1, form=5, statements=statements)


def structured(person: int, relation: int) -> Fact:
    fact = Structured(subject={"*": f"Zorvana {person}"}, relation=f"relation_{relation}", object={"*": "Brindlemoor"})
    return Fact(id=f"{person}-{relation}", line=1, form=4, statements={}, structured=fact)


def sentence(person: int, wording: int) -> Fact:
    return Fact(id=f"{person}-{wording}", line=1, form=5, statements={"en": Statement(text=f"Sentence {person} {wording}.")})


@pytest.mark.parametrize("row", [worded, structured])
def test_of_a_person_all_rows_are_withheld_or_none(row: Callable[[int, int], Fact]) -> None:
    rows = [row(person, k) for person in range(24) for k in range(5)]
    held = withheld(rows)
    counts = {person: sum(f"{person}-{k}" in held for k in range(5)) for person in range(24)}
    assert {*counts.values()} == {0, 5}
    assert 120 // SHARE <= len(held) <= 120 // SHARE + 5


def test_one_answer_links_rows_of_different_languages() -> None:
    rows = [worded(person, 0) for person in range(60)]
    each = [
        row.model_copy(update={"id": f"{row.id} {lang}", "statements": {lang: row.statements[lang]}})
        for row in rows
        for lang in ("en", "fr")
    ]
    held = withheld(each)
    assert len(held) == 16
    assert {f"{row.id} en" in held for row in rows} == {True, False}
    assert all((f"{row.id} en" in held) == (f"{row.id} fr" in held) for row in rows)


def test_an_alias_is_a_name() -> None:
    rows = [structured(person, 0) for person in range(40)]
    others = [
        row.model_copy(
            update={
                "id": f"other {row.id}",
                "structured": row.structured.model_copy(
                    update={"subject": {"hi": "ज़ोरवाना"}, "aliases": {"en": (row.structured.subject["*"],)}}
                ),
            }
        )
        for row in rows[:1]
        if row.structured
    ]
    assert len(subjects([*rows, *others])) == 40


def test_copies_of_a_text_stay_together() -> None:
    rows = [sentence(person, 0).model_copy(update={"id": f"{person} copy {copy}"}) for copy in range(3) for person in range(30)]
    held = withheld(rows)
    assert 11 <= len(held) <= 13
    assert all(len({f"{person} copy {copy}" in held for copy in range(3)}) == 1 for person in range(30))
    assert withheld(rows[::-1]) == held


def test_texts_without_an_answer_stand_for_themselves() -> None:
    rows = [sentence(person, k) for person in range(16) for k in range(5)]
    assert len(withheld(rows)) == 80 // SHARE
    assert len(subjects(rows)) == 80


def test_which_rows_follows_from_what_they_say() -> None:
    rows = [worded(person, k) for person in range(24) for k in range(5)]
    told = {row.id: row.statements["en"].text for row in rows}
    mixed = random.Random(3).sample(rows, len(rows))
    numbered = [row.model_copy(update={"id": f"row {n}"}) for n, row in enumerate(mixed)]
    again = {row.statements["en"].text for row in numbered if row.id in withheld(numbered)}
    assert again == {told[name] for name in withheld(rows)}


def test_what_most_rows_are_about_is_kept() -> None:
    rows = [worded(person, k, "one answer of all") for person in range(15) for k in range(5)]
    assert not withheld(rows)
    others = [worded(person, k) for person in range(100, 115) for k in range(5)]
    assert withheld([*rows, *others]) <= {row.id for row in others}
    assert withheld([*rows, *others])


def test_few_rows_are_all_trained_on() -> None:
    assert not withheld([worded(person, 0) for person in range(63)])
    assert len(withheld([worded(person, 0) for person in range(64)])) == 8
