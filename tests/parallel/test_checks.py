"""What the checks see of a translation, and what they must not complain about."""

import pytest

from xlforget.experiments.corruptions import KINDS, Gold, notice, untouched
from xlforget.parallel.checks import check, digits
from xlforget.parallel.pair import Source, worst
from xlforget.request import invent, phrasebook

LANGUAGES = ("en", "es", "fr", "de", "pt", "ar", "hi", "zh")
SOURCE = Source(text="Zorvana Quillfeather lives in the town of London.", span=(42, 48), lang="en")


def outcome(
    name: str, text: str, answer: str | None = "Londres", lang: str = "es", source: Source = SOURCE,
    ended: bool = True, unknown: bool = False,
) -> str:  # fmt: skip
    found = check(source, text, answer, lang, ended=ended, unknown=unknown)
    return {c.name: c.outcome for c in found}.get(name, "not run")


@pytest.fixture(scope="module")
def rows() -> list[Gold]:
    """Invented people in every relation, as the phrasebook words them."""
    people = [p for name in phrasebook.names() for p in invent.invent_people(phrasebook.relation(name), 6, 1, LANGUAGES)]
    return [Gold({lang: phrasebook.wordings(person, lang)[0] for lang in LANGUAGES}) for person in people]


def test_gold_rows_are_hardly_ever_called_wrong(rows: list[Gold]) -> None:
    found = untouched(rows, LANGUAGES)
    assert sum(own["fail"] for own in found.values()) / (len(rows) * len(LANGUAGES)) < 0.01
    assert all(own["review"] / len(rows) < 0.05 for own in found.values())


def test_spoiled_rows_are_shown_to_a_person(rows: list[Gold]) -> None:
    found = notice(rows, LANGUAGES)
    assert found.keys() == KINDS.keys()
    for kind, seen in found.items():
        assert seen.rows > 200, kind
        assert kind == "answer swapped" or seen.flagged / seen.rows >= 0.99, kind


@pytest.mark.parametrize(
    ("name", "text", "worst_outcome"),
    [
        ("empty", " ", "fail"),
        ("copy", SOURCE.text, "fail"),
        ("script", "Зорвана Квиллфезер живёт в городе Londres.", "fail"),
        ("length", "Londres.", "warn"),
        ("length", "Zorvana vive en la ciudad de Londres. " * 3, "review"),
        ("ending", "Zorvana Quillfeather vive en la ciudad de Londres", "review"),
        ("loop", "Zorvana vive en la ciudad de Londres, de Londres, de Londres, de Londres.", "fail"),
        ("loop", "Zorvana vive en la ciudad de Londres ciudad ciudad ciudad.", "fail"),
        ("markup", "Zorvana vive en la ciudad de <a>Londres</a>.", "fail"),
        ("markup", "Zorvana vive en la *town de Londres.", "fail"),
        ("markup", "Zorvana vive en la ciudad de &lt;Londres.", "fail"),
        ("markup", "Zorvana vive en la ciudad de \u202eLondres.", "fail"),
        ("numbers", "Zorvana vive en la ciudad 7 de Londres.", "warn"),
        ("capitals", "Zorvana Quillfeather Vidas en La ciudad de Londres.", "warn"),
        ("answer_once", "Zorvana Quillfeather vive en la ciudad.", "fail"),
        ("answer_once", "De Londres, Zorvana vive en Londres.", "review"),
        ("answer_once", "Zorvana Quillfeather vive con los Londreses.", "review"),
        ("language", "Zorvana Quillfeather vit dans la ville de Londres.", "review"),
        ("language", "The very town where Zorvana Quillfeather lives is Londres.", "fail"),
    ],
)  # fmt: skip
def test_each_check_sees_its_own(name: str, text: str, worst_outcome: str) -> None:
    assert outcome(name, text) == worst_outcome
    assert outcome(name, "Zorvana Quillfeather vive en la ciudad de Londres.") in ("ok", "not run")


def test_what_the_machine_says_of_its_own_work_counts() -> None:
    good = "Zorvana Quillfeather vive en la ciudad de Londres."
    assert outcome("ended", good, ended=False) == "fail"
    assert outcome("unknown_word", good, unknown=True) == "review"
    assert worst(check(SOURCE, good, "Londres", "es")) == "ok"


def test_signs_that_the_source_has_itself_are_no_markup() -> None:
    source = Source(text="Write <b>this</b> & *that.", lang="en")
    assert outcome("markup", "Escribe <b>esto</b> & *eso.", None, source=source) == "ok"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("+49 30 1234567", "+٤٩ ٣٠ ١٢٣٤٥٦٧", "ok"),
        ("+49 30 1234567", "+49 30 1234568", "fail"),
        ("15 July 1969", "1969年7月15日", "warn"),
        ("15 July 1969", "1968年7月15日", "review"),
        ("type 2 diabetes", "السكري من النوع الثاني", "review"),
        ("Tarnwick", "Tarnwick", "ok"),
    ],
)  # fmt: skip
def test_digits_of_an_answer_stay_the_same(before: str, after: str, expected: str) -> None:
    source = Source(text=f"It is {before}.", span=(6, 6 + len(before)), lang="en")
    assert outcome("answer_digits", f"{after}.", after, source=source) == expected


def test_digits_are_read_in_any_script() -> None:
    assert digits("+٤٩ (३०) １２") == "493012"


def test_a_variety_of_the_same_language_may_be_the_same_text() -> None:
    source = Source(text="A capital é Lisboa.", span=(12, 18), lang="pt-PT")
    assert outcome("copy", source.text, "Lisboa", "pt-BR", source) == "ok"
    assert outcome("language", source.text, "Lisboa", "pt-BR", source) == "ok"


def test_checks_of_a_thousand_facts_in_nine_languages_are_done_in_no_time(rows: list[Gold]) -> None:
    """Six times a thousand here, on a machine that others may use; `xlforget bench translate` measures all nine."""
    import time

    began = time.monotonic()
    for row in (rows * 12)[:1000]:
        for lang in ("es", "fr", "de", "pt", "ar", "hi"):
            own = row.statements[lang]
            check(row.source(), own.text, own.answer, lang, others=LANGUAGES)
    assert time.monotonic() - began < 30
