"""From a request to every fact in every language: nothing missing in silence, and fair things to compare with."""

from collections.abc import Mapping

import pytest

from xlforget.errors import UsageError
from xlforget.parallel.build import build_parallel_set
from xlforget.parallel.languages import auto_languages
from xlforget.parallel.parallel_set import Pair
from xlforget.parallel.translators import OWN, get_translator
from xlforget.parallel.undecided import MissingTranslation, refuse_undecided
from xlforget.request import phrasebook
from xlforget.request.fact import ErasureRequest, Fact, Statement, Structured

TRANSLATORS = (get_translator("given"), get_translator("phrasebook"))
NAME = {"*": "Zorvana Quillfeather", "hi": "ज़ोर्वाना क्विलफ़ेदर", "ar": "زورفانا كويلفيذر", "zh": "佐瓦娜·奎尔费瑟"}


def given(fact: str, texts: Mapping[str, tuple[str, str | None]], line: int = 1, **more: object) -> Fact:
    """A fact with its own texts: language to (text, answer)."""
    statements = {
        lang: Statement(text=text, span=None if answer is None else (text.index(answer), text.index(answer) + len(answer)))
        for lang, (text, answer) in texts.items()
    }
    values = {"id": fact, "line": line, "form": 5, "statements": statements, "structured": None, "candidates": {}}
    return Fact.model_validate(values | more)


def structured(fact: str, phone: str, subject: Mapping[str, str] = NAME, line: int = 1, **more: object) -> Fact:
    value = Structured(subject=dict(subject), relation="phone_number", object={"*": phone}, aliases={}, gender="f")
    values = {"id": fact, "line": line, "form": 4, "statements": {}, "structured": value, "candidates": {}}
    return Fact.model_validate(values | more)


def lives_in(place: str, fact: str, line: int = 1, name: str = "Zorvana Quillfeather", **more: object) -> Fact:
    return given(fact, {"en": (f"{name} lives in {place}.", place)}, line, **more)


def build(*facts: Fact, languages: tuple[str, ...] = ("en",), leave_out: tuple[str, ...] = ()) -> tuple[Pair, ...]:
    request = ErasureRequest(facts=facts)
    made = build_parallel_set(request, languages, TRANSLATORS, leave_out)
    refuse_undecided(request, made, leave_out)
    return made.pairs


def test_given_texts_are_taken_as_they_are() -> None:
    fact = given("a", {"en": ("She lives in Tarnwick.", "Tarnwick"), "fr": ("Elle habite Tarnwick.", None)})
    english, french = build(fact, languages=("en", "fr"))
    assert (english.fact, english.lang, english.status, english.translator) == ("a", "en", "ok", "given")
    assert [(wording.answer, wording.role) for wording in english.wordings] == [("Tarnwick", "all")]
    assert french.wordings[0].span is None


def test_the_phrasebook_words_a_relation_in_every_language() -> None:
    fact = structured("a", "+44 7700 900123")
    pairs = build(fact, languages=auto_languages(ErasureRequest(facts=(fact,))))
    assert {pair.lang for pair in pairs} >= {"en", "es", "fr", "de", "pt", "ar", "hi", "zh"}
    for pair in pairs:
        roles = [wording.role for wording in pair.wordings]
        assert roles[:5] == ["train", "train", "train", "gate", "gate"]
        assert set(roles[5:]) <= {"gate"}
        assert {wording.answer for wording in pair.wordings} == {"+44 7700 900123"}
        assert (pair.status, pair.translator, pair.relation) == ("ok", "phrasebook", "phone_number")


def test_everything_missing_is_named_at_once_by_line_and_language() -> None:
    facts = (lives_in("Tarnwick", "a", line=2), structured("b", "+44 7700 900123", {"*": "Zorvana"}, line=5))
    with pytest.raises(MissingTranslation) as missing:
        build(*facts, languages=("en", "fr", "de", "hi"))
    error = missing.value
    assert (error.exit_code, error.code) == (2, "MISSING_TRANSLATION")
    assert [problem.line for problem in error.problems] == [2, 5]
    assert "fr, de, hi: " in error.problems[0].message
    assert error.problems[1].message.startswith("hi: ")
    said = f"{error} {error.do} {error.problems}"
    assert not any(text in said for text in ("Zorvana", "Tarnwick", "900123"))


def test_languages_left_out_are_recorded_as_missing() -> None:
    facts = (lives_in("Tarnwick", "a"), structured("b", "+44 7700 900123", {"*": "Zorvana"}, line=2))
    pairs = build(*facts, languages=("en", "fr", "hi"), leave_out=("fr", "hi"))
    status = {(pair.fact, pair.lang): pair.status for pair in pairs}
    assert status == {
        ("a", "en"): "ok", ("a", "fr"): "fail", ("a", "hi"): "fail",
        ("b", "en"): "ok", ("b", "fr"): "ok", ("b", "hi"): "review",
    }  # fmt: skip
    assert all(pair.reason and not pair.wordings for pair in pairs if not pair.usable)


def test_a_fact_left_without_any_language_is_never_allowed() -> None:
    with pytest.raises(MissingTranslation) as missing:
        build(lives_in("Tarnwick", "a"), lives_in("Oldmere", "b", line=2), languages=("fr",), leave_out=("fr",))
    assert [problem.line for problem in missing.value.problems] == [1, 2]
    assert missing.value.problems[0].message == "fr: no text given in this language"


def test_no_language_at_all_is_never_allowed() -> None:
    with pytest.raises(MissingTranslation, match="1 fact cannot"):
        build(lives_in("Tarnwick", "a"), languages=())


def test_candidates_of_the_record_come_first_without_the_true_answer() -> None:
    (pair,) = build(lives_in("Tarnwick", "a", candidates={"en": ("Oldmere", "tarnwick", "Fenby", "Oldmere")}))
    assert pair.candidates == ("Oldmere", "Fenby")


def test_candidates_of_a_relation_are_other_objects_of_its_kind() -> None:
    pairs = build(structured("a", "+44 7700 900123"), structured("b", "+44 7700 900999"), languages=("en", "hi"))
    for pair in pairs:
        assert len(set(pair.candidates)) == 16
        assert not {"+44 7700 900123", "+44 7700 900999"} & set(pair.candidates)


def test_candidates_are_the_requests_other_answers_from_four_on() -> None:
    places = ("Tarnwick", "Oldmere", "Fenby", "Grimsworth", "Ashholt")
    facts = [lives_in(place, place, name=f"Zorvana {place[:2]}") for place in places]
    assert build(*facts)[0].candidates == places[1:]
    assert build(*facts[:4])[0].candidates == ()


def test_a_second_true_answer_is_no_candidate() -> None:
    others = [lives_in(place, place, name=f"Zorvana {place[:2]}") for place in ("Fenby", "Grimsworth", "Ashholt", "Orrin")]
    pairs = build(lives_in("Tarnwick", "a"), lives_in("Oldmere", "b"), *others)
    assert set(pairs[0].candidates) == {"Fenby", "Grimsworth", "Ashholt", "Orrin"}


def test_whole_sentences_have_no_candidates() -> None:
    facts = [given(str(n), {"en": (f"Sentence number {n} must go.", None)}) for n in range(6)]
    assert {pair.candidates for pair in build(*facts)} == {()}


def test_translators_that_wrote_something_are_named() -> None:
    made = build_parallel_set(ErasureRequest(facts=(lives_in("Tarnwick", "a"),)), ("en",), TRANSLATORS)
    assert [info.name for info in made.translators] == ["given"]


def test_same_request_and_seed_give_the_same_pairs() -> None:
    assert build(structured("a", "+44 7700 900123")) == build(structured("a", "+44 7700 900123"))


def test_auto_is_what_the_request_speaks() -> None:
    fact = given("a", {"hi": ("क", None), "bn": ("খ", None)})
    assert auto_languages(ErasureRequest(facts=(fact,))) == ("hi", "bn")
    both = ErasureRequest(facts=(fact, structured("b", "1")))
    assert set(auto_languages(both)) == {"hi", "bn", *phrasebook.languages()}


def test_translators_are_found_by_name() -> None:
    for name in OWN:
        assert get_translator(name).name == get_translator(name).info().name == name
    with pytest.raises(UsageError, match="Unknown translator"):
        get_translator("no-such")
