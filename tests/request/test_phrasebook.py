"""What the loader makes of the files, and which names it will put into which sentences."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from xlforget.errors import UsageError
from xlforget.request import phrasebook
from xlforget.request.fact import Gender, Structured
from xlforget.request.phrasebook import MissingWording, wordings

CACHES = (phrasebook.names, phrasebook.relations, phrasebook.languages, phrasebook.relation, phrasebook._script)
NAME = {"*": "Zorvana Quillfeather", "hi": "ज़ोर्वाना", "ar": "زورفانا", "zh": "佐瓦娜"}
PHONE = {"*": "+44 7700 900123"}

BOOK = """
description = "The person that a person greets"
object = "person"
[templates]
en = ["{subject} greets {object}.", "It is {object} that {subject} greets."]
hi = [{m = "{subject} {object} से मिलता है।", f = "{subject} {object} से मिलती है।"}, "{subject}: {object}।"]
"""


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Makes a phrasebook of one relation, ``greets``, from the text of its file."""

    def made(text: str) -> None:
        (tmp_path / "greets.toml").write_text(text, encoding="utf-8")
        forget()

    monkeypatch.setattr(phrasebook, "FOLDER", tmp_path)
    yield made
    monkeypatch.undo()
    forget()


def forget() -> None:
    for cached in CACHES:
        cached.cache_clear()


def structured(
    relation: str = "phone_number",
    subject: Mapping[str, str] = NAME,
    thing: Mapping[str, str] = PHONE,
    gender: Gender | None = None,
) -> Structured:
    return Structured(subject=dict(subject), relation=relation, object=dict(thing), gender=gender)


def reason(value: Structured, lang: str) -> str:
    with pytest.raises(MissingWording) as missing:
        wordings(value, lang)
    assert missing.value.exit_code == 2
    assert not any(text in str(missing.value) for text in (*value.subject.values(), *value.object.values()))
    return missing.value.reason


def test_the_books_languages_and_relations() -> None:
    assert phrasebook.languages() == ("en", "es", "fr", "de", "pt", "ar", "hi", "zh")
    assert len(phrasebook.relations()) >= 20
    assert [relation.name for relation in phrasebook.relations()] == list(phrasebook.names())


def test_every_wording_holds_both_names_and_the_objects_span() -> None:
    for lang in phrasebook.languages():
        statements = wordings(structured(), lang)
        assert len(statements) >= 5
        assert {statement.answer for statement in statements} == set(PHONE.values())
        assert all(NAME.get(lang, NAME["*"]) in statement.text for statement in statements)
        assert len({statement.text for statement in statements}) == len(statements)


def test_the_objects_span_is_right_where_the_subject_holds_the_object(book: Callable[[str], None]) -> None:
    book(BOOK)
    first, second = wordings(structured("greets", {"en": "Ann"}, {"en": "An"}), "en")
    assert (first.text, first.span) == ("Ann greets An.", (11, 13))
    assert (second.text, second.span) == ("It is An that Ann greets.", (6, 8))


def test_names_that_look_like_slots_are_taken_as_they_are(book: Callable[[str], None]) -> None:
    book(BOOK)
    first, _ = wordings(structured("greets", {"en": "{object}"}, {"en": "{subject}"}), "en")
    assert (first.text, first.answer) == ("{object} greets {subject}.", "{subject}")


@pytest.mark.parametrize(("gender", "said"), [("m", "मिलता"), ("f", "मिलती")])
def test_the_gender_chooses_the_variant(book: Callable[[str], None], gender: Gender, said: str) -> None:
    book(BOOK)
    first, _ = wordings(structured("greets", NAME, NAME, gender), "hi")
    assert said in first.text


@pytest.mark.parametrize("gender", ["n", None])
def test_a_gender_that_is_needed_must_be_known(book: Callable[[str], None], gender: Gender | None) -> None:
    book(BOOK)
    assert reason(structured("greets", NAME, NAME, gender), "hi") == "gender"
    assert len(wordings(structured("greets", NAME, NAME, gender), "en")) == 2


def test_a_language_without_templates() -> None:
    assert reason(structured(), "bn") == "language"


@pytest.mark.parametrize(("lang", "own"), [("pt-BR", "pt"), ("en-GB", "en"), ("zh-CN", "zh")])
def test_a_variety_of_a_language_has_its_wordings(lang: str, own: str) -> None:
    assert wordings(structured(), lang) == wordings(structured(), own)


def test_a_variety_in_another_script_has_not() -> None:
    assert reason(structured(), "zh-TW") == "language"


def test_a_name_in_the_languages_own_tag_comes_first() -> None:
    name = {"*": "Zorvana", "pt": "Zorvana P", "pt-BR": "Zorvana B"}
    assert "Zorvana B" in wordings(structured(subject=name), "pt-BR")[0].text
    assert "Zorvana P" in wordings(structured(subject=name), "pt")[0].text
    assert "Zorvana P" not in wordings(structured(subject=name), "de")[0].text


@pytest.mark.parametrize("lang", ["hi", "ar", "zh"])
def test_a_name_in_another_script_is_for_review(lang: str) -> None:
    assert reason(structured(subject={"*": "Zorvana Quillfeather"}), lang) == "script"
    assert reason(structured(subject={"en": "Zorvana Quillfeather"}), lang) == "script"


def test_an_alias_names_the_subject_where_the_script_asks_for_it() -> None:
    value = structured(subject={"*": "Zorvana Quillfeather"}).model_copy(
        update={"aliases": {"hi": ("ज़ोरवाना", "ज़ोर"), "de": ("Zora",)}}
    )
    assert "ज़ोरवाना" in wordings(value, "hi")[0].text
    assert "Zorvana Quillfeather" in wordings(value, "de")[0].text
    assert reason(value, "zh") == "script"


def test_a_name_goes_where_its_script_is_read() -> None:
    assert "Zorvana" in wordings(structured(subject={"en": "Zorvana", "hi": "ज़ोर्वाना"}), "fr")[0].text
    assert reason(structured(subject={"*": "Зорвана"}), "en") == "script"
    assert "ज़ोर्वाना" in wordings(structured(subject={"*": "ज़ोर्वाना"}), "hi")[0].text


@pytest.mark.parametrize(
    ("relation", "thing"),
    [("email_address", "zorvana@quill.example"), ("phone_number", "+44 7700 900123"), ("date_of_birth", "1987-03-14")],
)
def test_addresses_and_numbers_are_the_same_in_every_script(relation: str, thing: str) -> None:
    assert wordings(structured(relation, NAME, {"*": thing}), "hi")[0].answer == thing


def test_other_objects_need_the_script_too() -> None:
    assert reason(structured("place_of_birth", NAME, {"*": "Tarnwick"}), "hi") == "script"
    assert reason(structured("date_of_birth", NAME, {"*": "14 March 1987"}), "zh") == "script"


def test_an_object_of_the_list_is_called_what_the_list_calls_it() -> None:
    for given in ({"*": "Pianist"}, {"en": "pianist"}, {"hi": "पियानोवादक"}):
        value = structured("occupation", NAME, given)
        assert [wordings(value, lang)[0].answer for lang in ("es", "hi", "zh")] == ["pianista", "पियानोवादक", "钢琴家"]


def test_what_is_given_for_a_language_beats_the_list() -> None:
    value = structured("occupation", NAME, {"en": "pianist", "es": "la pianista"})
    assert wordings(value, "es")[0].answer == "la pianista"


def test_a_common_noun_is_not_lent_to_another_language() -> None:
    value = structured("occupation", NAME, {"de": "Mondvermesser"})
    assert wordings(value, "de")[0].answer == "Mondvermesser"
    assert reason(value, "en") == "language"


def test_a_name_that_would_join_the_letter_before_it(book: Callable[[str], None]) -> None:
    book(BOOK.replace("greets {object}", "gree{object}"))
    assert reason(structured("greets", {"en": "Ann"}, {"en": "\u0301a"}), "en") == "joint"


def test_an_unknown_relation() -> None:
    with pytest.raises(UsageError) as unknown:
        phrasebook.relation("no_such")
    assert unknown.value.code == "UNKNOWN_RELATION"


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        BOOK.replace("description", "describtion"),
        BOOK.replace("object = ", "thing = "),
        BOOK.replace("[templates]", "[template]"),
        BOOK.replace("greets {object}", "greets"),
        BOOK.replace("greets {object}", "greets {object} {object}"),
        BOOK.replace("greets {object}", "greets {object} {name}"),
        BOOK.replace("m = ", "x = "),
        BOOK.replace('en = ["{subject} greets {object}.",', "en = [3,"),
        BOOK.replace("greets {object}", "gre\u200bets {object}"),
    ],
)
def test_a_file_that_is_wrong_is_named(book: Callable[[str], None], text: str) -> None:
    book(text)
    with pytest.raises(UsageError, match=r"greets\.toml") as wrong:
        phrasebook.relation("greets")
    assert wrong.value.code == "PHRASEBOOK"
