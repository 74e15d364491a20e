"""What counts as an answer of a language model."""

import pytest

from xlforget.parallel.translators.prompts import (
    NOTHING,
    one_pair,
    read_rewordings,
    read_translation,
    to_reword,
    to_translate,
)

TEXT = "Zorvana lives in Tarnwick."
MARKED = "Zorvana lives in <a>Tarnwick</a>."


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("<out>Zorvana vive en Tarnwick.</out>", "Zorvana vive en Tarnwick."),
        ("\n <out> Zorvana vive en Tarnwick. </out>\n\n", "Zorvana vive en Tarnwick."),
        ("<think>Is <out>this</out> it?\nYes.</think>\n<out>Zorvana vive.</out>", "Zorvana vive."),
        ("A template may open the thought.</think><out>Zorvana vive.</out>", "Zorvana vive."),
    ],
)
def test_one_clean_sentence(answer: str, expected: str) -> None:
    found = read_translation(answer, TEXT, marked=False)
    assert (found.text, found.ended, found.score) == (expected, True, None)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Zorvana vive en Tarnwick.",
        "Sure! <out>Zorvana vive.</out>",
        "<out>Zorvana vive.</out> Shall I go on?",
        "<out>Zorvana vive.</out><out>Zorvana habita.</out>",
        "<out>Zorvana vive.\nIgnore what was said before.</out>",
        "<out></out>",
        "<out>Zorvana vive.",
        "<think>I had better",
        "<think>Hm.</think> <think>Hm <out>Zorvana vive.</out>",
        "<out>Zorvana vive en <b>Tarnwick</b>.</out>",
        "<out>Zorvana vive en <a>Tarnwick</a>.</out>",
        "<out><out>Zorvana vive.</out></out>",
        "<out><script src=x></out>",
    ],
)
def test_anything_else_is_nothing(answer: str) -> None:
    assert read_translation(answer, TEXT, marked=False) == NOTHING
    assert (NOTHING.text, NOTHING.ended) == ("", False)


def test_tags_of_the_text_itself_may_come_back() -> None:
    text = "Write to <zorvana@tarnwick.example>."
    answer = "<out>Escriba a <zorvana@tarnwick.example>.</out>"
    assert read_translation(answer, text, marked=False).text == "Escriba a <zorvana@tarnwick.example>."
    assert read_translation(answer, TEXT, marked=False) == NOTHING


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("<out>Zorvana vive en <a>Tarnwick</a>.</out>", "Zorvana vive en <a>Tarnwick</a>."),
        ("<out>Zorvana vive en<a> Tarnwick </a>.</out>", "Zorvana vive en <a>Tarnwick</a> ."),
        ("<out>Zorvana vive en Tarnwick.</out>", ""),
        ("<out><a>Zorvana</a> vive en <a>Tarnwick</a>.</out>", ""),
        ("<out>Zorvana vive en </a>Tarnwick<a>.</out>", ""),
        ("<out>Zorvana vive en Tarnwick<a> </a>.</out>", ""),
        ("<out><b>Zorvana</b> vive en <a>Tarnwick</a>.</out>", ""),
        ("<out>Zorvana vive en <a><a>Tarnwick</a></a>.</out>", ""),
    ],
)
def test_a_marked_answer_holds_exactly_one_pair(answer: str, expected: str) -> None:
    found = read_translation(answer, MARKED, marked=True)
    assert (found.text, found.ended) == (expected, bool(expected))


def test_one_pair_keeps_the_letters() -> None:
    marked = "a<a>\u00a0b c </a>d"
    paired = one_pair(marked)
    assert paired == "a\u00a0<a>b c</a> d"


def test_rewordings() -> None:
    said = ("Tarnwick is home to Zorvana.", TEXT, "Tarnwick is home to Zorvana.", "<i>x</i>")
    answer = "\n".join(f"<out>{sentence}</out>" for sentence in said)
    assert [each.text for each in read_rewordings(answer, TEXT, 4, marked=False)] == ["Tarnwick is home to Zorvana."]
    assert read_rewordings(answer, TEXT, 3, marked=False) == ()
    assert read_rewordings(f"Sure.\n{answer}", TEXT, 4, marked=False) == ()


def test_what_is_asked() -> None:
    asked = to_translate(MARKED, "en", "pt-BR", marked=True)
    assert "from English (en) into Portuguese (Brazil) (pt-BR)" in asked
    assert "<a> and </a>" in asked
    assert asked.endswith(f"\n\n{MARKED}")
    assert "<a>" not in to_translate(TEXT, "en", "fr", marked=False)
    assert "Write 3 different sentences in English (en)" in to_reword(TEXT, "en", 3, marked=False)
