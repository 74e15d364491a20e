"""What the families of translation models call languages, and how sentences are put into batches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlforget.errors import UsageError
from xlforget.parallel.translators.families import FAMILIES, family_of
from xlforget.parallel.translators.sentences import STEP, batches

BY_NAME = {family.name: family for family in FAMILIES}


@pytest.mark.parametrize(
    ("family", "tag", "first"),
    [
        ("MADLAD-400", "es", "es"), ("MADLAD-400", "he", "iw"), ("MADLAD-400", "nb", "no"), ("MADLAD-400", "hi-Latn", "hi_Latn"),
        ("MADLAD-400", "pt-BR", "pt"), ("MADLAD-400", "zh-TW", "zh_Hant"),
        ("M2M100", "nso", "ns"), ("M2M100", "fil", "tl"), ("M2M100", "nb", "no"), ("M2M100", "zh-Hans", "zh"),
        ("NLLB-200", "ar", "arb_Arab"), ("NLLB-200", "zh-TW", "zho_Hant"), ("NLLB-200", "ko", "kor_Hang"),
        ("Marian", "zh", "cmn_Hans"), ("Marian", "zh-Hant", "cmn_Hant"), ("Marian", "ca", "cat_Latn"),
        ("Marian", "sr-Latn", "srp_Latn"),
    ],
)  # fmt: skip
def test_names(family: str, tag: str, first: str) -> None:
    assert BY_NAME[family].names(tag)[0] == first


def test_another_script_is_never_taken_for_the_usual_one() -> None:
    assert BY_NAME["MADLAD-400"].names("sr-Latn") == ("sr_Latn",)
    assert BY_NAME["M2M100"].names("sr-Latn") == BY_NAME["NLLB-200"].names("sr-Latn") == ()
    assert BY_NAME["Marian"].names("sr-Latn") == ("srp_Latn",)
    assert BY_NAME["Marian"].names("sr") == ("srp_Cyrl", "srp", "sr")


@pytest.mark.parametrize(
    "text", ["Write to <zorvana@tarnwick.example>.", "2 < 3 > 1", "__init__", "snake_Case", "<a>Tarnwick</a>"]
)
def test_ordinary_text_steers_no_model(text: str) -> None:
    assert [family.name for family in FAMILIES if family.control.search(text)] == []


def test_families_by_tokenizer() -> None:
    assert family_of("NllbTokenizerFast").name == "NLLB-200"
    with pytest.raises(UsageError):
        family_of("LlamaTokenizer")


@given(st.lists(st.integers(1, 256), max_size=60), st.integers(1, 2000))
def test_batches_hold_every_sentence_once(lengths: list[int], tokens: int) -> None:
    made = list(batches(lengths, tokens))
    assert sorted(row for batch in made for row in batch.rows) == list(range(len(lengths)))
    for batch in made:
        inside = [lengths[row] for row in batch.rows]
        assert len(inside) == 1 or len(inside) * max(inside) <= tokens
        assert max(inside) - min(inside) < STEP


@given(st.lists(st.integers(1, 256), min_size=1, max_size=30), st.integers(1, 2000))
def test_the_bound_of_a_sentence_does_not_depend_on_its_neighbours(lengths: list[int], tokens: int) -> None:
    bounds = {row: batch.bound for batch in batches(lengths, tokens) for row in batch.rows}
    assert [bounds[row] for row in range(len(lengths))] == [next(batches([length], 1)).bound for length in lengths]
    assert all(bounds[row] > 2 * length for row, length in enumerate(lengths))
