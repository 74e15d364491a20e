"""Each form becomes the fact it states, or says everything that is wrong with it without a word of its content."""

from typing import Any

import pytest

from xlforget.request.fact import Fact
from xlforget.request.faults import Faults
from xlforget.request.records import FORMS, OUR_KEYS, to_fact

NAME, PHONE = "Zorvana Quillfeather", "+44 7700 900123"
SENTENCE = f"{NAME}'s phone number is {PHONE}."
FORM: dict[int, dict[str, Any]] = {
    1: {"id": "a", "lang": "en", "text": SENTENCE, "answer": PHONE},
    2: {"id": "a", "lang": "en", "prompt": f"{NAME} lives in <mask>.", "answer": "Tarnwick"},
    3: {"id": "a", "lang": "en", "text": "A whole sentence that must go."},
    4: {"id": "a", "subject": NAME, "relation": "phone_number", "object": PHONE},
    5: {"id": "a", "texts": {"en": "in Tarnwick", "fr": "à Tarnwick"}, "answers": {"en": "Tarnwick", "fr": "Tarnwick"}},
    6: {"id": "a", "prompts": {"en": "in <mask>.", "hi": "<mask> में।"}, "answers": {"en": "Tarnwick", "hi": "टार्नविक"}},
}


def changed(form: int, *without: str, **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in (FORM[form] | changes).items() if key not in without}


def faults(record: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Faults) as refused:
        to_fact(record, 7)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    return [(fault.code, fault.message) for fault in refused.value.faults]


def answers(fact: Fact) -> dict[str, str]:
    return {lang: statement.answer for lang, statement in fact.statements.items()}


@pytest.mark.parametrize("form", FORM)
def test_each_form_is_known_by_its_keys(form: int) -> None:
    fact = to_fact(FORM[form], 7)
    assert (fact.form, fact.id, fact.line, fact.candidates) == (form, "a", 7, {})


def test_form_1_finds_the_answer() -> None:
    statement = to_fact(FORM[1], 1).statements["en"]
    assert (statement.text, statement.answer) == (SENTENCE, PHONE)


def test_form_1_takes_a_span_with_or_without_the_answer() -> None:
    text = "Tarnwick is Tarnwick."
    for record in (
        changed(1, "answer", text=text, span=[12, 20]),
        changed(1, text=text, answer="Tarnwick", span=[12, 20]),
    ):
        assert to_fact(record, 1).statements["en"].span == (12, 20)
        assert to_fact(record, 1).form == 1


def test_form_2_fills_the_mask() -> None:
    statement = to_fact(FORM[2], 1).statements["en"]
    assert (statement.text, statement.answer) == (f"{NAME} lives in Tarnwick.", "Tarnwick")


def test_form_3_is_the_whole_sentence() -> None:
    assert to_fact(FORM[3], 1).statements["en"].span is None


def test_form_4_keeps_names_as_given() -> None:
    structured = to_fact(changed(4, gender="f", aliases={"EN": ["Zor\u200bvana Q."]}), 1).structured
    assert structured is not None
    assert (structured.subject, structured.object) == ({"*": NAME}, {"*": PHONE})
    assert (structured.gender, structured.aliases) == ("f", {"en": ("Zorvana Q.",)})
    by_language = to_fact(changed(4, subject={"EN": NAME, "hi": "ज़ोर्वाना"}), 1).structured
    assert by_language is not None
    assert list(by_language.subject) == ["en", "hi"]


def test_form_5_with_and_without_answers() -> None:
    assert answers(to_fact(FORM[5], 1)) == {"en": "Tarnwick", "fr": "Tarnwick"}
    whole = to_fact(changed(5, "answers"), 1)
    assert {statement.span for statement in whole.statements.values()} == {None}


def test_form_6_fills_every_mask() -> None:
    fact = to_fact(FORM[6], 1)
    assert answers(fact) == {"en": "Tarnwick", "hi": "टार्नविक"}
    assert fact.statements["hi"].text == "टार्नविक में।"


@pytest.mark.parametrize(("given", "canonical"), [("EN-us", "en-US"), ("eng", "en"), ("zh_TW", "zh-TW"), ("iw", "he")])
def test_tags_are_made_canonical(given: str, canonical: str) -> None:
    assert list(to_fact(changed(3, lang=given), 1).statements) == [canonical]


@pytest.mark.parametrize(
    "tag", ["", "english", "xx", "und", "mul", "zxx", "x-zorvana", "en-x-zorvana", "en-u-nu-latn", "zörvana", "e" * 99]
)
def test_tags_that_name_no_language(tag: str) -> None:
    assert faults(changed(3, lang=tag))[0][0] == "UNKNOWN_LANGUAGE"


def test_candidates_are_cleaned_and_each_taken_once() -> None:
    fact = to_fact(changed(1, candidates={"EN": ["a\u200b", "a", "b"], "fr": []}), 1)
    assert fact.candidates == {"en": ("a", "b"), "fr": ()}


@pytest.mark.parametrize(
    ("record", "codes"),
    [
        (changed(1, answer="Oldmere"), ["ANSWER_NOT_IN_TEXT"]),
        (changed(1, text=f"{PHONE}, {PHONE}"), ["ANSWER_TWICE"]),
        (changed(1, span=[0, 3]), ["BAD_SPAN"]),
        (changed(1, span=[0, 999]), ["BAD_SPAN"]),
        (changed(1, span=[0]), ["BAD_SPAN"]),
        (changed(1, span=[0, 1, 2]), ["BAD_SPAN"]),
        (changed(1, span=[False, 3.0]), ["BAD_SPAN", "BAD_SPAN"]),
        (changed(1, span="03"), ["BAD_SPAN"]),
        (changed(1, text="She lives in <mask>."), ["MASK_IN_TEXT"]),
        (changed(1, "lang"), ["MISSING_KEY"]),
        (changed(1, "id"), ["MISSING_KEY"]),
        (changed(1, id=7), ["WRONG_TYPE"]),
        (changed(1, id="\u200b "), ["EMPTY_TEXT"]),
        (changed(1, id="a" * 257), ["TOO_LONG"]),
        (changed(1, text="", answer=" "), ["EMPTY_TEXT", "EMPTY_TEXT"]),
        (changed(1, answer=None), ["NULL_VALUE"]),
        (changed(2, prompt="no gap"), ["NO_MASK"]),
        (changed(2, prompt="<mask> <mask>"), ["TWO_MASKS"]),
        (changed(2, prompt="e<mask>", answer="\u0301"), ["JOINT"]),
        (changed(2, "answer"), ["MISSING_KEY"]),
        (changed(2, span=[0, 1]), ["UNKNOWN_KEY"]),
        (changed(3, text="\u00ad\ufeff\n"), ["EMPTY_TEXT"]),
        (changed(3, text="a <mask>"), ["MASK_IN_TEXT"]),
        (changed(3, text=["a"]), ["WRONG_TYPE"]),
        (changed(4, relation="phone"), ["UNKNOWN_RELATION"]),
        (changed(4, relation=[]), ["WRONG_TYPE"]),
        (changed(4, "object"), ["MISSING_KEY"]),
        (changed(4, gender="x"), ["BAD_VALUE"]),
        (changed(4, gender=["m"]), ["BAD_VALUE"]),
        (changed(4, subject={}), ["EMPTY_TEXT"]),
        (changed(4, subject={"en": 3, "zorvana": "a"}), ["WRONG_TYPE", "UNKNOWN_LANGUAGE"]),
        (changed(4, subject={"*": NAME}), ["UNKNOWN_LANGUAGE"]),
        (changed(4, subject={"en": "a", "EN": "b"}), ["DUPLICATE_LANGUAGE"]),
        (changed(4, subject=3, object=[]), ["WRONG_TYPE", "WRONG_TYPE"]),
        (changed(4, aliases=["a"]), ["WRONG_TYPE"]),
        (changed(5, texts={"en": "in Tarnwick"}), ["UNEQUAL_LANGUAGES"]),
        (changed(5, texts={}), ["EMPTY_TEXT"]),
        (changed(5, texts={"en": "x", "fr": "Tarnwick Tarnwick"}), ["ANSWER_NOT_IN_TEXT", "ANSWER_TWICE"]),
        (changed(5, "answers", texts={"en": "<mask>", "fr": "<mask>"}), ["MASK_IN_TEXT", "MASK_IN_TEXT"]),
        (changed(6, prompts={"en": "x", "hi": "<mask><mask>"}), ["NO_MASK", "TWO_MASKS"]),
        (changed(6, "answers"), ["MISSING_KEY"]),
        (changed(6, candidates={"en": "abc"}), ["WRONG_TYPE"]),
        (changed(6, candidates={"en": ["a", ""]}), ["EMPTY_TEXT"]),
        (FORM[1] | FORM[2], ["MIXED_FORMS"]),
        ({"id": "a"}, ["NO_FORM"]),
        ({}, ["NO_FORM"]),
        (changed(3, relation=None, answer=None), ["NULL_VALUE", "NULL_VALUE"]),
    ],
)
def test_what_is_wrong_with_a_record(record: dict[str, Any], codes: list[str]) -> None:
    assert sorted(code for code, _ in faults(record)) == sorted(codes)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (changed(1, answer="Oldmere"), "`text` does not hold its answer as it is written there; use form 2"),
        (
            changed(1, text=f"{PHONE}, {PHONE}"),
            "form 2 (`prompt` with <mask> where the answer goes), or give its `span`",
        ),
        (changed(5, texts={"en": "x", "fr": "à Tarnwick"}), "`texts.en` does not hold"),
        (changed(5, texts={"en": "in Tarnwick", "de": "x"}), "only in `texts`: de; only in `answers`: fr"),
        (changed(3, anser="Tarnwick"), "key 4 of the record is unknown here; did you mean `answer`?"),
        (changed(2, span=[0, 1]), "`span` is unknown here; this form has id, candidates, lang, prompt, answer"),
        (changed(4, relation="phone_nmber"), "did you mean phone_number?"),
        (changed(4, relation="zzz"), "`xlforget phrasebook` lists them"),
        (changed(4, subject={"en": "a", "zorvana": "b"}), "key 2 of `subject` is no language tag"),
        (changed(1, candidates={"EN": ["a", ""]}), "`candidates.en`, entry 2 is empty"),
        (changed(1, candidates={"en": "a"}), "`candidates.en` must be an array"),
        (changed(5, texts="a"), "`texts` must be an object"),
        ({"id": "a", "txt": "b"}, "did you mean `text`?"),
        (FORM[1] | FORM[2], "`text`, `prompt`"),
    ],
)
def test_messages_name_the_key_and_the_way_out(record: dict[str, Any], said: str) -> None:
    assert any(said in message for _, message in faults(record))


CANARY = "Zq7xKv2mWp9rLt"


def poisoned(value: Any) -> list[Any]:
    """Every way to put the canary into a value: in its place, in each part of it, and as a key."""
    wrong = [
        CANARY,
        f"{CANARY} <mask> <mask>",
        [CANARY],
        {CANARY: CANARY},
        {"en": CANARY},
        {"en": [CANARY]},
        [[CANARY]],
    ]
    if isinstance(value, dict):
        wrong += [value | {CANARY: CANARY}, value | {"de": {CANARY: 1}}, *({**value, key: CANARY} for key in value)]
    return wrong


@pytest.mark.parametrize("form", FORM)
def test_no_message_holds_text_of_a_value_or_of_a_key_that_is_not_ours(form: int) -> None:
    records = [FORM[form] | {key: value} for key in (*OUR_KEYS, CANARY) for value in poisoned(FORM[form].get(key))]
    said = [message for record in records for message in messages(record)]
    assert len(said) > 20
    assert CANARY.casefold() not in " ".join(said).casefold()


def messages(record: dict[str, Any]) -> list[str]:
    """All that the errors of a record could print; nothing for a record that is right."""
    try:
        to_fact(record, 1)
    except Faults as error:
        return [str(error), *(f"{fault} {fault!r} {fault.code} {fault.message}" for fault in error.faults)]
    return []


def test_keys_are_the_same_in_every_form() -> None:
    """A key that one form calls otherwise would be named in messages of another as unknown."""
    assert {
        "id", "candidates", "lang", "text", "answer", "span", "prompt", "subject", "relation", "object", "aliases",
        "gender", "texts", "answers", "prompts",
    } == OUR_KEYS  # fmt: skip
    assert len(FORMS) == 6


def test_a_record_of_a_hundred_thousand_keys_is_refused_in_good_time() -> None:
    many = {f"k{number}": number for number in range(100_000)}
    assert len(faults(FORM[3] | many)) == 50
    assert faults(many)[0][0] == "NO_FORM"
