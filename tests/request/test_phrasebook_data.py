"""The language data itself: wordings, kinds and the neutral corpus, read straight from their files.

Nobody who reads all eight languages can look at every line, so what can be told by a machine is told here: script,
language, slots, words that would have to change with the name put beside them, and that wordings really differ.
"""

import re
import string
import tomllib
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

import xlforget

ROOT = Path(xlforget.__file__).parent
PHRASEBOOK = ROOT / "request" / "phrasebook"
NEUTRAL = ROOT / "corpus" / "neutral"

LANGUAGES = ("en", "es", "fr", "de", "pt", "ar", "hi", "zh")
SCRIPTS = {"ar": "ARABIC", "hi": "DEVANAGARI", "zh": "CJK"}  # as Unicode names begin; all others are LATIN
COLUMNS = {"ar": "arab", "hi": "deva", "zh": "hani"}
FULL_STOPS = {"hi": "।", "zh": "。"}
FEWEST_RELATIONS, FEWEST_PARAPHRASES, FEWEST_VALUES, FEWEST_SYLLABLES, FEWEST_SENTENCES = 20, 5, 24, 60, 44
LATIN_TERMS = re.compile(r"IP(?=地址)")  # written in Latin letters in every script
MISSES_ALLOWED = 0  # filled wordings that the language identifier may take for another of the eight

# Made in code, not listed; one example each, enough to see a wording with its object.
GENERATED = {
    "phone": "+44 7700 900123",
    "email": "zorvel@tarnwick.example",
    "street_address": "214",
    "date": "1987-03-14",
    "iban": "ZZ12 3456 7890 1234 5678 90",
    "id_number": "ZZ-4821-0077",
    "money": "48200 EUR",
    "car_plate": "ZZ KTR 4821",
    "username": "zorvel_7701",
    "ip_address": "2001:db8:1f2e:4c5d:77aa:9012:3b4c:8d6e",
}

# Words that melt into a following vowel or article, or change before a vowel: a slot must not follow them.
MELTING = {
    "fr": re.compile(r"(?:\b[cdjlmnst]'|\bqu'|\b(?:de|du|des|que|je|me|te|se|ne|la|si|jusque) )\{"),
    "es": re.compile(r"\b(?:y|e|o|u) \{|\b(?:de|a) el \{"),
    "pt": re.compile(r"\b(?:em|por) \{(?=object)"),
}
MAY_HAVE_ARTICLE = {"place", "company", "school"}  # only with these does Portuguese contract


def load(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


RELATIONS = {path.stem: load(path) for path in sorted(PHRASEBOOK.glob("*.toml"))}
KINDS = {path.stem: load(path) for path in sorted((PHRASEBOOK / "kinds").glob("*.toml"))}
SYLLABLES = KINDS.pop("syllables")["syllables"]
LISTED = {name: kind["values"] for name, kind in KINDS.items() if "values" in kind}
PATTERNED = {name: kind for name, kind in KINDS.items() if "patterns" in kind}
CELLS = [pytest.param(name, lang, id=f"{name}-{lang}") for name in RELATIONS for lang in LANGUAGES]


def forms(entry: str | dict[str, str]) -> tuple[str, ...]:
    """The sentence, or its variants by gender."""
    return (entry,) if isinstance(entry, str) else tuple(entry.values())


def wordings(name: str, lang: str) -> list[str]:
    return [form for entry in RELATIONS[name]["templates"][lang] for form in forms(entry)]


def bare(template: str) -> str:
    """The template's own words, without its slots."""
    return " ".join(re.sub(r"\{\w+\}", " ", template).split())


def foreign_letters(text: str, script: str) -> list[str]:
    """Letters and vowel signs of other scripts; Latin terms that every script uses are passed over."""
    letters = (sign for sign in LATIN_TERMS.sub("", text) if unicodedata.category(sign)[0] in "LM")
    return [sign for sign in letters if not unicodedata.name(sign).startswith(script)]


def words(text: str, lang: str) -> set[str]:
    """Words of a text, by character where a language sets no spaces."""
    letters = "".join(sign if unicodedata.category(sign)[0] in "LM" else " " for sign in text.casefold())
    return set(letters.replace(" ", "")) if lang == "zh" else set(letters.split())


def invented(lang: str, first: int, count: int = 2) -> str:
    rows = [SYLLABLES[(first + step) % len(SYLLABLES)] for step in range(count)]
    return str("".join(row[COLUMNS.get(lang, "latin")] for row in rows)).capitalize()


def fillings(kind: str, lang: str) -> Iterator[tuple[str, str]]:
    """Three subjects and objects, so that no wording is judged by one lucky name."""
    between = "·" if lang == "zh" else " "
    for first in (0, 21, 42):
        subject = invented(lang, first) + between + invented(lang, first + 5)
        if kind in GENERATED:
            yield subject, GENERATED[kind]
        elif kind in LISTED:
            yield subject, LISTED[kind][first % len(LISTED[kind])][lang]
        else:
            name, family = invented(lang, first + 9), invented(lang, first + 13)
            yield subject, PATTERNED[kind]["patterns"][0][lang].format(name=name, given=name, family=family)


@cache
def identifier() -> LanguageIdentifier:
    one = LanguageIdentifier.from_model_file(MODEL_FILE)
    one.set_languages(LANGUAGES)
    return one


def language(text: str) -> str:
    return str(identifier().classify(text)[0])


# Relations


def test_the_phrasebook_has_the_relations_that_requests_are_about() -> None:
    assert len(RELATIONS) >= FEWEST_RELATIONS
    assert {"phone_number", "email_address", "home_address", "date_of_birth", "diagnosis"} <= set(RELATIONS)


@pytest.mark.parametrize("name", RELATIONS)
def test_a_relation_has_the_same_number_of_paraphrases_in_every_language(name: str) -> None:
    relation = RELATIONS[name]
    assert set(relation) - {"identifies"} == {"description", "object", "templates"}
    assert relation["description"].strip()
    assert relation["object"] in KINDS.keys() | GENERATED.keys()
    assert tuple(relation["templates"]) == LANGUAGES
    counts = {len(templates) for templates in relation["templates"].values()}
    assert len(counts) == 1
    assert counts.pop() >= FEWEST_PARAPHRASES


@pytest.mark.parametrize(("name", "lang"), CELLS)
def test_slots_stand_once_each_and_the_object_after_the_subject(name: str, lang: str) -> None:
    """A causal model is asked for the object, so the subject must have been said before."""
    for template in wordings(name, lang):
        slots = [(slot, spec, conv) for _, slot, spec, conv in string.Formatter().parse(template) if slot is not None]
        assert slots == [("subject", "", None), ("object", "", None)], template
        assert words(bare(template.split("{object}")[0]), lang), f"nothing is said before the object: {template}"


@pytest.mark.parametrize(("name", "lang"), CELLS)
def test_variants_by_gender_come_in_pairs_that_differ(name: str, lang: str) -> None:
    for entry in RELATIONS[name]["templates"][lang]:
        if isinstance(entry, dict):
            assert set(entry) == {"m", "f"}, entry
            assert entry["m"] != entry["f"]


@pytest.mark.parametrize(("name", "lang"), CELLS)
def test_wordings_are_in_the_script_of_their_language(name: str, lang: str) -> None:
    for template in wordings(name, lang):
        assert foreign_letters(bare(template), SCRIPTS.get(lang, "LATIN")) == [], template


@pytest.mark.parametrize(("name", "lang"), CELLS)
def test_wordings_are_clean_text_with_native_punctuation(name: str, lang: str) -> None:
    for template in wordings(name, lang):
        assert template == unicodedata.normalize("NFC", template.strip())
        assert template.endswith(FULL_STOPS.get(lang, ".")), template
        assert "  " not in template
        assert not any(unicodedata.category(sign) in ("Cf", "Cc") for sign in template), template
        if lang == "zh":
            assert not re.search(r"[ ,.:;?!]", template), template
        if lang == "ar":
            assert not re.search(r"[,;?]", template), template
        if lang == "fr":
            assert not re.search(r"(?<! )[:;?!]", template), template


@pytest.mark.parametrize(("name", "lang"), CELLS)
def test_no_word_would_have_to_change_with_the_name_beside_it(name: str, lang: str) -> None:
    """Nothing glued to a slot but the English genitive, and no word before it that elides or contracts."""
    for template in wordings(name, lang):
        if lang != "zh":
            assert not re.search(r"[^\W\d_-]\{|[-‏ـ]\{|\}[^\W\d_-]|\}-|\}'(?!s )", template), template
        if lang in MELTING and (lang != "pt" or RELATIONS[name]["object"] in MAY_HAVE_ARTICLE):
            assert not MELTING[lang].search(template), template


@pytest.mark.parametrize(("name", "lang"), CELLS)
def test_paraphrases_share_less_than_half_of_their_words(name: str, lang: str) -> None:
    """One that is trained on would otherwise be nearly the one that judges."""
    entries = [words(bare(forms(entry)[0]), lang) for entry in RELATIONS[name]["templates"][lang]]
    for one, other in combinations(entries, 2):
        assert len(one & other) < 0.5 * len(one | other), (sorted(one), sorted(other))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_frame_serves_two_relations(lang: str) -> None:
    """A shared frame would make one relation's answers the other's, in training and in the controls."""
    frames = [template for name in RELATIONS for template in wordings(name, lang)]
    assert sorted(frames) == sorted(set(frames))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_filled_wordings_are_taken_for_their_language(lang: str) -> None:
    filled = [
        template.format(subject=subject, object=answer)
        for name, relation in RELATIONS.items()
        for template in wordings(name, lang)
        for subject, answer in fillings(relation["object"], lang)
    ]
    misses = [text for text in filled if language(text) != lang]
    assert len(misses) <= MISSES_ALLOWED, misses


# Kinds


def test_every_kind_with_a_file_is_listed_or_patterned() -> None:
    assert LISTED.keys() | PATTERNED.keys() == KINDS.keys()
    assert not KINDS.keys() & GENERATED.keys()


@pytest.mark.parametrize("kind", LISTED)
def test_listed_values_stand_in_every_language_once(kind: str) -> None:
    values = LISTED[kind]
    assert len(values) >= FEWEST_VALUES
    assert {tuple(value) for value in values} == {LANGUAGES}
    for lang in LANGUAGES:
        names = [value[lang].casefold() for value in values]
        assert sorted(names) == sorted(set(names)), lang


@pytest.mark.parametrize("kind", LISTED)
def test_a_name_means_one_listed_value_whatever_its_language(kind: str) -> None:
    """A request may name the object in one language; the others are looked up from it."""
    owner: dict[str, int] = {}
    for number, value in enumerate(LISTED[kind]):
        for name in value.values():
            assert owner.setdefault(name.casefold(), number) == number, name


@pytest.mark.parametrize("kind", LISTED)
def test_listed_values_are_clean_and_in_script(kind: str) -> None:
    for value in LISTED[kind]:
        for lang, name in value.items():
            assert name == unicodedata.normalize("NFC", name.strip())
            letters = re.sub(r"[A-Z](?![a-z])", "", name) if lang in SCRIPTS else name  # "hepatitis B"
            assert foreign_letters(letters, SCRIPTS.get(lang, "LATIN")) == [], name


@pytest.mark.parametrize("kind", PATTERNED)
def test_patterns_use_the_same_names_in_every_language(kind: str) -> None:
    content = PATTERNED[kind]
    fewest, most = content["syllables"]
    assert 1 <= fewest <= most
    wanted = ["family", "given"] if kind == "person" else ["name"]
    for pattern in content["patterns"]:
        assert tuple(pattern) == LANGUAGES
        for lang, text in pattern.items():
            slots = sorted(slot for _, slot, _, _ in string.Formatter().parse(text) if slot is not None)
            assert slots == wanted
            assert foreign_letters(bare(text), SCRIPTS.get(lang, "LATIN")) == [], text


def test_syllables_are_told_apart_in_every_script() -> None:
    assert len(SYLLABLES) >= FEWEST_SYLLABLES
    scripts = {"latin": "LATIN", "deva": "DEVANAGARI", "arab": "ARABIC", "hani": "CJK"}
    for column, script in scripts.items():
        texts = [row[column] for row in SYLLABLES]
        assert sorted(texts) == sorted(set(texts)), column
        assert [text for text in texts if foreign_letters(text, script) or not text] == []
        assert texts == [unicodedata.normalize("NFC", text) for text in texts]
    assert {tuple(row) for row in SYLLABLES} == {tuple(scripts)}
    assert {len(row["hani"]) for row in SYLLABLES} <= {1, 2}


# Neutral corpus


def neutral(lang: str) -> list[str]:
    return (NEUTRAL / f"{lang}.txt").read_text("utf-8").splitlines()


def test_neutral_sentences_are_aligned_over_the_languages() -> None:
    assert {path.stem for path in NEUTRAL.glob("*.txt")} == set(LANGUAGES)
    counts = {len(neutral(lang)) for lang in LANGUAGES}
    assert len(counts) == 1
    assert counts.pop() >= FEWEST_SENTENCES


@pytest.mark.parametrize("lang", LANGUAGES)
def test_neutral_sentences_are_clean_distinct_and_in_their_language(lang: str) -> None:
    sentences = neutral(lang)
    assert sorted(sentences) == sorted(set(sentences))
    for text in sentences:
        assert text == unicodedata.normalize("NFC", text.strip())
        assert text.endswith(FULL_STOPS.get(lang, ".")), text
        assert foreign_letters(text, SCRIPTS.get(lang, "LATIN")) == [], text
    assert [text for text in sentences if language(text) != lang] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_neutral_sentences_hold_no_personal_data(lang: str) -> None:
    """Numbers and addresses are what the relations are about; retain text must not teach them."""
    assert [text for text in neutral(lang) if re.search(r"[\d@{}]", text)] == []
