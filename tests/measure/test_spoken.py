"""Which languages a model speaks, on a small model that learned the neutral sentences of two."""

import pytest

from xlforget.corpus.encode import Encoder
from xlforget.corpus.texts import neutral
from xlforget.lm import Lm
from xlforget.measure.spoken import bits_per_character, hear

LANGS = ("en", "fr", "hi", "zh")


@pytest.fixture(scope="module")
def learned() -> tuple[Lm, Encoder]:
    """Byte-level: it can hold all four, and knows English and French."""
    from xlforget.experiments.small_model import memorise, new_model, train_tokenizer

    texts = {lang: [row.statements[lang].text for row in neutral((lang,))] for lang in LANGS}
    tokenizer = train_tokenizer([text for own in texts.values() for text in own], 500)
    model = new_model(tokenizer, layers=1, width=64, context=512)
    encoder = Encoder(tokenizer, 512)
    memorise(model, [encoder.encode(text, None) for lang in ("en", "fr") for text in texts[lang]], epochs=24, lr=1e-2)
    return Lm(model), encoder


def test_order_helps_in_languages_that_the_model_learned_only(learned: tuple[Lm, Encoder]) -> None:
    found = hear(*learned, [*LANGS, "ca"])
    assert set(found) == set(LANGS)
    assert {lang for lang, heard in found.items() if heard.spoken} == {"en", "fr"}
    assert found["en"].bits < found["hi"].bits


def test_bits_are_of_the_texts_that_the_model_can_hold(learned: tuple[Lm, Encoder]) -> None:
    lm, encoder = learned
    assert bits_per_character(lm, encoder, []) is None
    assert bits_per_character(lm, Encoder(encoder.tokenizer, 3), ["A sentence of many words."]) is None
    one, two = (bits_per_character(lm, encoder, ["The rain falls on the hill."] * n) for n in (1, 2))
    assert one == pytest.approx(two, rel=1e-4)
