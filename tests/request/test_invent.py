"""Invented people and objects: distinct, aligned over languages, the same for a seed, and nobody's."""

import re
import subprocess
import sys
import unicodedata
from random import Random

import pytest

from xlforget.errors import UsageError
from xlforget.request import kinds
from xlforget.request.clean import clean
from xlforget.request.invent import invent_objects, invent_people
from xlforget.request.phrasebook import languages, names, relation, wordings

SCRIPTS = {"ar": "ARABIC", "hi": "DEVANAGARI", "zh": "CJK"}


def scripts(text: str) -> set[str]:
    return {unicodedata.name(sign).split()[0] for sign in text if sign.isalpha()}


@pytest.mark.parametrize("name", names())
def test_hundreds_of_people_for_every_relation(name: str) -> None:
    people = invent_people(relation(name), 400, 1, languages())
    assert len(people) == 400
    for lang in languages():
        assert len({person.subject[lang] for person in people}) == 400
        assert scripts("".join(person.subject[lang] for person in people)) == {SCRIPTS.get(lang, "LATIN")}
    assert {person.gender for person in people} == {"m", "f"}


@pytest.mark.parametrize("name", names())
def test_everybody_can_be_worded_in_every_language(name: str) -> None:
    for person in invent_people(relation(name), 10, 2, languages()):
        for lang in languages():
            statements = wordings(person, lang)
            assert {statement.answer for statement in statements} == {person.object[lang]}
            assert all(clean(statement.text) == statement.text for statement in statements)


@pytest.mark.parametrize("name", names())
def test_objects_are_distinct_and_aligned_over_languages(name: str) -> None:
    by_language = {lang: invent_objects(relation(name), lang, 20, 3) for lang in languages()}
    assert {len(set(objects)) for objects in by_language.values()} == {20}
    kind = kinds.kind(relation(name).object_kind)
    if kind.verbatim:
        assert len(set(by_language.values())) == 1
    for listed in kind.values:
        at = [by_language[lang].index(text) for lang, text in listed.items() if text in by_language[lang]]
        assert len(set(at)) <= 1


def test_objects_of_names_are_in_the_languages_script() -> None:
    for name in ("place_of_birth", "spouse", "school", "employer", "home_address", "date_of_birth"):
        for lang in languages():
            found = scripts("".join(invent_objects(relation(name), lang, 20, 0)))
            assert found == {SCRIPTS.get(lang, "LATIN")}


def test_the_seed_decides_and_nothing_else() -> None:
    phone = relation("phone_number")
    assert invent_people(phone, 5, 1, ("en",)) != invent_people(phone, 5, 2, ("en",))
    here = [person.subject["en"] for person in invent_people(phone, 5, 1, ("en",))]
    assert here == [person.subject["en"] for person in invent_people(phone, 9, 1, languages())][:5]
    code = (
        "from xlforget.request import invent, phrasebook\n"
        "people = invent.invent_people(phrasebook.relation('phone_number'), 5, 1, ('en',))\n"
        "print('|'.join(person.subject['en'] for person in people))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "|".join(here)


def test_lists_give_what_they_have() -> None:
    kind = kinds.kind("religion")
    assert len(invent_objects(relation("religion"), "en", 10_000, 0)) == len(kind.values)
    people = invent_people(relation("religion"), len(kind.values) + 3, 0, ("en",))
    assert len({person.object["en"] for person in people}) == len(kind.values)


def test_numbers_are_nobodys() -> None:
    random = Random(0)
    fiction = re.compile(r"\+44 7700 900\d{3}|\+44 20 7946 0\d{3}|\+1 [2-9]\d\d 555 01\d\d")
    assert all(fiction.fullmatch(kinds.VERBATIM["phone"](random)) for _ in range(300))
    assert all(kinds.VERBATIM["email"](random).endswith(".example") for _ in range(50))
    for name in ("iban", "id_number", "car_plate"):
        assert kinds.VERBATIM[name](random).startswith("ZZ"), "no country has this code"
    assert kinds.VERBATIM["ip_address"](random).startswith("2001:db8:"), "the block for documentation"


def test_dates_are_written_as_each_language_writes_them() -> None:
    written = {
        "en": r"\d{1,2} [A-Z][a-z]+ \d{4}", "es": r"\d{1,2} de [a-z]+ de \d{4}", "fr": r"\d{1,2} [a-zéû]+ \d{4}",
        "de": r"\d{1,2}\. [A-Z][a-zä]+ \d{4}", "pt": r"\d{1,2} de [a-zç]+ de \d{4}", "zh": r"\d{4}年\d{1,2}月\d{1,2}日",
    }  # fmt: skip
    for lang, pattern in written.items():
        assert all(re.fullmatch(pattern, date) for date in invent_objects(relation("date_of_birth"), lang, 50, 0))


def test_a_language_without_invented_names() -> None:
    with pytest.raises(UsageError) as unknown:
        invent_people(relation("spouse"), 1, 0, ("en", "bn"))
    assert unknown.value.code == "UNKNOWN_LANGUAGE"


def test_every_relations_kind_is_there_and_no_other() -> None:
    with pytest.raises(UsageError) as unknown:
        kinds.kind("no_such")
    assert unknown.value.code == "UNKNOWN_KIND"
    assert all(kinds.kind(relation(name).object_kind) for name in names())


def test_a_kind_that_has_no_more_to_give_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    few = kinds.Kind("few", lambda random: {"*": random.choice("abc")})
    monkeypatch.setattr(kinds, "kind", lambda name: few)
    assert sorted(invent_objects(relation("phone_number"), "en", 9, 0)) == ["a", "b", "c"]
