"""One spelling before any offset, and answers that are where their span says."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlforget.request.clean import MASK, clean, cut, fill, locate
from xlforget.request.fact import Statement
from xlforget.request.faults import Fault

# Characters of every script here, with the marks and invisible ones that make offsets go wrong.
MARKS = "\u0301\u093c\u094d\u064e\u3099\u200b\u200c\u200d\u2060\ufeff\u00ad"
TEXT = st.text(st.one_of(st.sampled_from("aeE éक़िعلي佐가ก <mask>" + MARKS), st.characters(exclude_categories=["Cs"])))


@given(TEXT)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert unicodedata.is_normalized("NFC", clean(text))
    assert not set(clean(text)) & set("\u200b\ufeff\u2060\u00ad")


def test_invisible_signs_go_and_spelling_stays() -> None:
    assert clean("ciu\u200bda\u00addes\u2060\ufeff") == "ciudades"
    assert clean("e\u0301") == "é"
    assert clean("क्\u200dष نمی\u200cخواهم") == "क्\u200dष نمی\u200cخواهم"


@given(TEXT, TEXT, TEXT)
def test_what_is_filled_is_found_at_its_span(before: str, answer: str, after: str) -> None:
    try:
        statement = fill(before + MASK + after, answer)
    except Fault:
        return
    assert statement.span is not None
    start, end = statement.span
    assert statement.text[start:end] == statement.answer == clean(answer)
    assert statement.text[:start] + MASK + statement.text[end:] == clean(before + MASK + after)
    assert clean(statement.text) == statement.text


@given(TEXT, TEXT, TEXT)
def test_what_is_located_is_there_and_nowhere_else(before: str, answer: str, after: str) -> None:
    try:
        statement = locate(before + answer + after, answer)
    except Fault:
        return
    assert statement.span is not None
    starts = [at for at in range(len(statement.text)) if statement.text.startswith(clean(answer), at)]
    assert starts == [statement.span[0]]
    assert statement.answer == clean(answer)


@pytest.mark.parametrize(
    ("prompt", "answer", "code"),
    [
        ("Zorvana lives.", "Tarnwick", "NO_MASK"),
        ("<mask> lives in <mask>.", "Tarnwick", "TWO_MASKS"),
        ("She lives in <mask>.", " \u200b", "EMPTY_TEXT"),
        ("She lives in <mask>.", "<mask>", "MASK_IN_TEXT"),
        ("Caf<mask>", "e", None),
        ("Cafe<mask>", "\u0301 Noir", "JOINT"),
        ("<mask>\u0301", "cafe", "JOINT"),
        ("ᄀ<mask>", "ᅡ", "JOINT"),
    ],
)
def test_prompts_that_cannot_be_filled(prompt: str, answer: str, code: str | None) -> None:
    if code is None:
        assert fill(prompt, answer).answer == answer
        return
    with pytest.raises(Fault) as refused:
        fill(prompt, answer)
    assert refused.value.code == code


def test_a_mask_with_an_invisible_sign_in_it_is_a_mask() -> None:
    assert fill("She lives in <ma\u200bsk>.", "Tarnwick").text == "She lives in Tarnwick."


@pytest.mark.parametrize(
    ("text", "answer", "code"),
    [
        ("She lives in Tarnwick.", "Oldmere", "ANSWER_NOT_IN_TEXT"),
        ("Tarnwick is Tarnwick.", "Tarnwick", "ANSWER_TWICE"),
        ("ananas: anan", "anan", "ANSWER_TWICE"),
        ("banana", "ana", "ANSWER_TWICE"),  # two places that overlap
    ],
)
def test_an_answer_must_stand_exactly_once(text: str, answer: str, code: str) -> None:
    with pytest.raises(Fault) as refused:
        locate(text, answer)
    assert refused.value.code == code


def test_texts_and_answers_may_be_spelt_in_two_ways() -> None:
    assert locate("Rue de la Liberte\u0301", "Liberté").span == (10, 17)


@pytest.mark.parametrize("span", [(0, 0), (3, 2), (-1, 2), (0, 5), (2, 3)])
def test_a_span_outside_the_text_or_around_nothing(span: tuple[int, int]) -> None:
    with pytest.raises(Fault) as refused:
        cut("ab d", span)
    assert refused.value.code == "BAD_SPAN"


def test_spans_count_characters_of_the_cleaned_text() -> None:
    assert cut("\u200be\u0301 d", (0, 1)) == Statement(text="é d", span=(0, 1))
