"""Language tags as people write them."""

import pytest

from xlforget.errors import UsageError
from xlforget.parallel.languages import canonical, display_name, parse_languages
from xlforget.parallel.scripts import script


@pytest.mark.parametrize(
    ("tag", "expected"), [("EN", "en"), ("eng", "en"), ("pt-br", "pt-BR"), ("zh-hans", "zh-Hans"), (" hi ", "hi")]
)
def test_canonical(tag: str, expected: str) -> None:
    assert canonical(tag) == expected


@pytest.mark.parametrize("tag", ["", "xx", "und", "english!", "e", "en_"])
def test_unknown_tags_are_exit_2(tag: str) -> None:
    with pytest.raises(UsageError) as refused:
        canonical(tag)
    assert refused.value.code == "UNKNOWN_LANGUAGE"


def test_options() -> None:
    assert parse_languages("auto") == parse_languages("") == ()
    assert parse_languages("fr, EN,fr,") == ("fr", "en")


def test_names_and_scripts() -> None:
    assert display_name("hi") == "Hindi"
    assert [script(tag) for tag in ("en", "hi", "ar", "zh", "sr-Latn")] == ["Latn", "Deva", "Arab", "Hans", "Latn"]
