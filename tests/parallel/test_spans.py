"""The answer's place in a translation: agreed on and single, or for a person to look at."""

import pytest

from xlforget.parallel.spans import between, inside_word, marked, occurrences, place, sounding, without_article
from xlforget.request.fact import Statement


@pytest.mark.parametrize(
    ("text", "answer", "spans"),
    [
        ("Roma es la capital.", "Roma", [(0, 4)]),
        ("Romania no es Roma.", "Roma", [(14, 18)]),
        ("La religión es judaísmo.", "Judaísmo", [(15, 23)]),
        ("Rom, Rom und Romulus", "Rom", [(0, 3), (5, 8)]),
        ("Parisen bizi da.", "Paris", [(0, 5)]),
        ("她住在塔恩维克。", "塔恩维克", [(3, 7)]),
        ("यमन तुर्की के साथ है", "तुर्की", [(4, 10)]),
        ("Nothing here.", "Tarnwick", []),
        ("Nothing here.", "", []),
    ],
)  # fmt: skip
def test_an_answer_counts_as_words_of_its_own_where_it_can(text: str, answer: str, spans: list[tuple[int, int]]) -> None:
    assert occurrences(text, answer) == spans


def test_inside_a_word_is_told_from_beside_one() -> None:
    assert inside_word("Parisen bizi da.", (0, 5))
    assert not inside_word("她住在塔恩维克。", (3, 7))
    assert not inside_word("d'Alemanya.", (2, 10))


@pytest.mark.parametrize(
    ("text", "votes", "span", "outcome"),
    [
        ("Vive en Londres.", {"marked": "Londres", "alone": "Londres"}, (8, 15), "ok"),
        ("Es un Vegetal.", {"marked": "vegetal.", "alone": "Vegetal"}, (6, 13), "ok"),
        ("Es inglesa.", {"marked": "inglesa", "alone": "Inglés"}, None, "review"),
        ("Vive en Londres.", {"alone": "Londres"}, None, "review"),
        ("Vive en Londres.", {"marked": "", "alone": "Londres"}, None, "review"),
        ("Vive en París.", {"marked": "Londres", "alone": "Londres"}, None, "review"),
        ("De Roma a Roma.", {"marked": "Roma", "alone": "Roma"}, None, "review"),
        ("Qatar existe.", {"marked": "Qatar", "alone": "Pavo", "verbatim": "Qatar"}, (0, 5), "warn"),
        ("Parisen bizi da.", {"marked": "Paris", "alone": "Paris"}, (0, 5), "review"),
        ("Llame al +44 7700 900123.", {"verbatim": "+44 7700 900123"}, (9, 24), "ok"),
        ("Escriba a z@tarn.example.", {"verbatim": "z@tarn.example"}, (10, 24), "ok"),
        ("Tarnwick es bonita.", {"verbatim": "Tarnwick"}, None, "review"),
        ("Nada.", {}, None, "review"),
    ],
)  # fmt: skip
def test_a_place_needs_two_votes_and_one_occurrence(
    text: str, votes: dict[str, str], span: tuple[int, int] | None, outcome: str
) -> None:
    placed = place(text, votes)
    assert (placed.span, placed.outcome) == (span, outcome)
    assert (placed.reason == "") == (outcome == "ok")


def test_printing_a_place_by_mistake_shows_no_text() -> None:
    assert "Londres" not in repr(place("Vive en Londres.", {"marked": "Londres", "alone": "Londres"}))


def test_marks_go_around_the_answer_and_are_read_back() -> None:
    statement = Statement(text="She lives in Tarnwick.", span=(13, 21))
    assert marked(statement, "<a>", "</a>") == "She lives in <a>Tarnwick</a>."
    assert marked(Statement(text="No <a> answer.", span=(0, 2)), "<a>", "</a>") is None
    assert marked(Statement(text="A whole sentence."), "<a>", "</a>") is None
    assert between("Vive en <a> Tarnwick </a>.", "<a>", "</a>") == " Tarnwick "
    for lost in ("Vive en Tarnwick.", "<a>x</a> <a>y</a>", "</a>x<a>", "<a>x"):
        assert between(lost, "<a>", "</a>").strip() == ""


def test_an_article_is_no_part_of_a_name() -> None:
    assert without_article("La Turquie.", "fr") == "Turquie"
    assert without_article("l’Allemagne", "fr-CA") == "Allemagne"
    assert without_article("a Turquia", "pt") == "Turquia"
    assert without_article("a Turquia", "es") == "a Turquia"
    assert without_article("La", "fr") == "La"


def test_a_name_is_found_by_its_sound_across_scripts() -> None:
    assert sounding("ज़ोरवाना टार्नविक में रहती है।", "Tarnwick") == "टार्नविक"
    assert sounding("ज़ोरवाना वहाँ रहती है।", "Tarnwick") == ""
