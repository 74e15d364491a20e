"""Confidence of other models: tiny real ones with tokenizers of their own, one causal, two that fill masks."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor
from transformers import (
    BertConfig,
    BertForMaskedLM,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from xlforget.corpus.encode import Encoded, Encoder
from xlforget.experiments.small_model import memorise, new_model, train_tokenizer
from xlforget.unlearn import confidence
from xlforget.unlearn.confidence import Reader, characters, confidences
from xlforget.unlearn.levels import Tokens

SPECIAL = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
CLOSING = {"single": "[CLS] $A [SEP]", "special_tokens": [("[CLS]", 2), ("[SEP]", 3)]}
NAMES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
KNOWN = 6


def quiet(done: int, total: int) -> None: ...


def word_pieces(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """As BERT has them: lower case, no blanks in any token."""
    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer(lowercase=True)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=160, special_tokens=NAMES, show_progress=False))
    core.post_processor = processors.TemplateProcessing(**CLOSING)
    core.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(tokenizer_object=core, **SPECIAL)


def unigrams(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """As XLM-R has them: a blank is the beginning of the token after it."""
    core = Tokenizer(models.Unigram())
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Metaspace()
    core.train_from_iterator(
        texts, trainers.UnigramTrainer(vocab_size=120, special_tokens=NAMES, unk_token="[UNK]", show_progress=False)
    )
    core.post_processor = processors.TemplateProcessing(**CLOSING)
    return PreTrainedTokenizerFast(tokenizer_object=core, **SPECIAL)


def bert(texts: Sequence[str]) -> Reader:
    torch.manual_seed(0)
    own = word_pieces(texts)
    config = BertConfig(
        vocab_size=len(own), hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
        max_position_embeddings=64, pad_token_id=0,
    )  # fmt: skip
    return Reader(BertForMaskedLM(config).eval(), Encoder(own, 63), True)


def roberta(texts: Sequence[str]) -> Reader:
    torch.manual_seed(0)
    own = unigrams(texts)
    config = XLMRobertaConfig(
        vocab_size=len(own), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=66, pad_token_id=1, initializer_range=0.5,
    )  # fmt: skip
    return Reader(XLMRobertaForMaskedLM(config).eval(), Encoder(own, 64), True)


def causal(texts: Sequence[str]) -> Reader:
    own = train_tokenizer([text.lower() for text in texts] * 2, 300)
    return Reader(new_model(own, layers=2, width=64), Encoder(own, 256), False)


@pytest.fixture(scope="module")
def texts(encoder: Encoder, sentences: Sequence[str]) -> list[Encoded]:
    return [encoder.encode(text, None) for text in sentences]


@pytest.fixture(scope="module")
def knowing_causal(sentences: Sequence[str]) -> Reader:
    reader = causal(sentences)
    assert isinstance(reader.model, LlamaForCausalLM)
    memorise(reader.model, [reader.encoder.encode(text, None) for text in sentences[:KNOWN]], epochs=60, lr=6e-3)
    return reader


@pytest.fixture(scope="module")
def knowing_bert(sentences: Sequence[str]) -> Reader:
    """Masks drawn anew at each step, over sentences that it then knows by heart."""
    reader = bert(sentences)
    batch = reader.encoder.tokenizer(list(sentences[:KNOWN]), padding=True, return_tensors="pt")
    ids, attention = batch["input_ids"], batch["attention_mask"]
    optimizer, draw = torch.optim.AdamW(reader.model.parameters(), lr=2e-3), torch.Generator().manual_seed(0)
    for _ in range(250):
        hidden = (torch.rand(ids.shape, generator=draw) < 0.3) & (ids >= len(NAMES))
        labels = ids.masked_fill(~hidden, -100)
        loss = reader.model(input_ids=ids.masked_fill(hidden, 4), attention_mask=attention, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    reader.model.eval()
    return reader


def unigram_level(reader: Reader, texts: Sequence[str], tokens: Sequence[str]) -> float:
    """What a model that knows nothing but how often each token comes would give to these texts' tokens, on average."""
    own = reader.encoder.tokenizer
    counts = np.bincount([i for text in texts for i in own(text)["input_ids"]], minlength=len(own))
    asked = [i for text in tokens for i in own(text, add_special_tokens=False)["input_ids"]]
    return float(np.mean(counts[asked] / counts.sum()))


@pytest.mark.parametrize("kind", ["knowing_causal", "knowing_bert"])
def test_it_is_sure_of_what_it_knows_by_heart_and_no_surer_of_other_text_than_a_count_of_words(
    request: pytest.FixtureRequest, tokenizer: PreTrainedTokenizerFast, texts: list[Encoded], sentences: Sequence[str], kind: str
) -> None:
    reader = request.getfixturevalue(kind)
    found = confidences(reader, tokenizer, texts, quiet)
    # Where sentences part nobody knows which it is: the first words are left out.
    known, other = (np.concatenate([own[6:] for own in part]) for part in (found[:KNOWN], found[KNOWN:]))
    assert np.nanmean(known) > 0.9
    level = unigram_level(reader, sentences[:KNOWN], sentences[KNOWN:])
    assert np.nanmean(other) < max(0.15, 2 * level)
    assert np.nanmedian(other) < level < 0.05


def direct(reader: Reader, text: str, start: int, end: int) -> float:
    """The definition for the characters from ``start`` to ``end``: one text, one pass for each token that covers them."""
    own = reader.encoder.tokenizer
    read = own(text, return_offsets_mapping=True)
    ids, offsets = torch.tensor([read["input_ids"]]), read["offset_mapping"]
    cover = [j for j, (a, b) in enumerate(offsets) if a < end and b > start]
    logp = 0.0
    with torch.no_grad():
        for j in cover:
            given = ids.clone()
            given[0, cover] = own.mask_token_id or 0
            logits: Tensor = (
                reader.model(input_ids=given).logits[0, j] if reader.masked else reader.model(ids[:, :j]).logits[0, -1]
            )
            logp += float(torch.log_softmax(logits, -1)[ids[0, j]])
    return math.exp(logp)


@pytest.mark.parametrize("make", [causal, bert, roberta])
def test_each_token_has_the_product_over_the_tokens_that_cover_its_characters(
    tokenizer: PreTrainedTokenizerFast,
    texts: list[Encoded],
    sentences: Sequence[str],
    make: Callable[[Sequence[str]], Reader],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(confidence, "LOGITS", 60 * 120)
    monkeypatch.setattr(confidence, "TOKENS", 90)
    monkeypatch.setattr(confidence, "TEXTS", 5)
    reader = make(sentences)
    seen: list[tuple[int, int]] = []
    found = confidences(reader, tokenizer, texts, lambda done, total: seen.append((done, total)))
    assert seen == [(5, 12), (10, 12), (12, 12)]
    checked = 0
    for text, encoded, own in zip(sentences, texts, found, strict=True):
        offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        assert np.isnan(own[[0, -1]]).all()
        for sure, (a, b), (after, _) in list(zip(own, offsets, (*offsets[1:], (0, 0)), strict=True))[1:-1]:
            ink = text[a:b].lstrip()
            if not np.isnan(sure) and (after >= b or after == 0):  # else its last character is only in part its own
                assert sure == pytest.approx(direct(reader, text, b - len(ink), b), rel=1e-3, abs=1e-7)
                checked += 1
        assert len(own) == len(encoded.ids)
    assert checked > 0.85 * sum(len(text.ids) - 2 for text in texts)


def test_what_it_cannot_read_it_says_nothing_about(tokenizer: PreTrainedTokenizerFast, encoder: Encoder) -> None:
    reader = bert(["the gate was open", "the kettle sang"])
    known, unknown, long = "the gate was open", "the 鹿 was open", "the gate was open " * 3
    reader = Reader(reader.model, Encoder(reader.encoder.tokenizer, 12), True)
    found = [confidences(reader, tokenizer, [encoder.encode(text, None)], quiet)[0] for text in (known, unknown, long)]
    assert not np.isnan(found[0][1:-1]).any()
    spans = characters(tokenizer, encoder.encode(unknown, None).ids)[1]
    for own, span in zip(found[1], spans, strict=True):
        assert np.isnan(own) == (span is None or unknown[slice(*span)] == "鹿")
    assert not np.isnan(found[2][1:5]).any()
    assert np.isnan(found[2][-4:]).all()


@pytest.mark.parametrize("text", ["ज़ोरवाना टार्नविक में रहती है।", "鹿は丘に住む", "Zorvana  habite à Québec 🦔.", "a\n b"])
def test_tokens_lie_over_the_characters_that_they_are_part_of(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    """Byte by byte: most tokens here are a part of one character."""
    ids = tokenizer(text)["input_ids"]
    decoded, spans = characters(tokenizer, ids)
    assert decoded == text
    assert spans[0] is None
    assert spans[-1] is None
    covered = {c for span in spans if span for c in range(*span)}
    assert {c for c in range(len(text)) if not text[c].isspace()} <= covered
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    for span, (a, b) in zip(spans, offsets, strict=True):
        assert (span is None) == (not text[a:b].strip())
        assert span is None or (a <= span[0] < span[1] <= b)


def test_a_causal_model_without_a_first_token_is_given_one(texts: list[Encoded], tokenizer: PreTrainedTokenizerFast) -> None:
    own = train_tokenizer(["the gate was open"] * 3, 280)
    own.backend_tokenizer.post_processor = processors.ByteLevel()
    reader = Reader(new_model(own, layers=1, width=32), Encoder(own, 256), False)
    found: Tokens = confidences(reader, tokenizer, [texts[4]], quiet)[0]
    assert not np.isnan(found[1:-1]).any()


def test_characters_that_are_covered_in_part_have_no_confidence(sentences: Sequence[str]) -> None:
    reader = bert(sentences)
    ids, whole, part = [2, 10, 11, 3], [(0, 0), (0, 2), (2, 4), (0, 0)], [(0, 0), (0, 2), (3, 4), (0, 0)]
    assert confidence._cover(reader, "abcd ef", (0, 4), ids, whole) == (1, 2)
    assert confidence._cover(reader, "abcd ef", (0, 4), ids, part) == ()
    assert confidence._cover(reader, "abcd ef", (0, 7), ids, whole) == ()


@pytest.mark.parametrize("make", [causal, bert])
def test_a_model_that_does_not_say_where_its_head_is_gives_the_same(
    tokenizer: PreTrainedTokenizerFast,
    texts: list[Encoded],
    sentences: Sequence[str],
    make: Callable[[Sequence[str]], Reader],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = make(sentences)
    known = confidences(reader, tokenizer, texts[:3], quiet)
    monkeypatch.setattr(reader.model, "get_output_embeddings", lambda: None)
    for one, other in zip(known, confidences(reader, tokenizer, texts[:3], quiet), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)
