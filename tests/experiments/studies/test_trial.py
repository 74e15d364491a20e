"""A cell's figures agree with plain loops over the same model: PA over candidates, perplexity as `evaluate` computes it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from xlforget.corpus.corpus import Text
from xlforget.corpus.encode import Encoder
from xlforget.corpus.probes import Probe
from xlforget.experiments.studies import teachers, trial
from xlforget.lm import Lm
from xlforget.measure.kept import kept

ANSWERS = ("Brindlemoor", "Harrowfen", "Quarn", "the muelle")


@pytest.fixture
def lm(new_lm: Callable[[int], Lm]) -> Lm:
    return new_lm(5)


def plain_logps(lm: Lm, ids: Sequence[int]) -> torch.Tensor:
    """log p of every token after the first, from one unpadded text's whole logits."""
    with torch.no_grad():
        logits = lm.model(input_ids=torch.tensor([list(ids)])).logits[0, :-1]
    return torch.stack([row.log_softmax(0)[i] for row, i in zip(logits, ids[1:], strict=True)])


def test_pa_is_what_a_loop_over_the_candidates_finds(lm: Lm, encoder: Encoder) -> None:
    probes, wanted = [], []
    for number, true in enumerate(ANSWERS * 2):
        before = f"Zorvana Quillfeather number {number} lives in "
        texts = {a: encoder.encode(f"{before}{a}.", (len(before), len(before) + len(a))) for a in ANSWERS}
        others = tuple(text for a, text in texts.items() if a != true)
        probes.append(Probe(f"F-{number}", "en", 0, "train", texts[true], others))
        levels = {a: float(plain_logps(lm, t.ids)[[p - 1 for p in t.answer]].mean()) for a, t in texts.items()}
        wanted.append(max(levels, key=lambda a: levels[a]) == true)
    assert trial.outranks(lm, probes) == wanted
    assert 0 < sum(wanted) < len(wanted)


def test_perplexity_is_that_of_a_plain_loop_over_tokens(lm: Lm, encoder: Encoder, sentences: tuple[str, ...]) -> None:
    """`evaluate` takes exp of the mean NLL of each text; ours, like lm-eval's token perplexity, of all together.

    The closing special token is no text: neither counts it here.
    """
    texts = [encoder.encode(text, None) for text in sentences]
    logps = [plain_logps(lm, text.ids)[[p - 1 for p in text.answer]] for text in texts]
    (ours,) = kept(lm, [Text(str(k), "en", text) for k, text in enumerate(texts)])
    assert ours.perplexity == pytest.approx(float(torch.cat(logps).mean().neg().exp()), rel=1e-4)
    each = [kept(lm, [Text("0", "en", text)])[0].perplexity for text in texts]
    assert each == pytest.approx([float(own.mean().neg().exp()) for own in logps], rel=1e-4)


def test_perplexity_is_that_of_windows_with_a_stride(lm: Lm, encoder: Encoder, sentences: tuple[str, ...]) -> None:
    """As lm-eval sums log-probabilities: each window of a text scores its last tokens alone, after all that stands before."""
    texts = [encoder.encode(text, None) for text in sentences]
    nll, tokens = 0.0, 0
    for text in texts:
        for begin in range(1, len(text.ids), 4):
            window = torch.tensor([text.ids[: begin + 4]])
            scored = [k for k in text.answer if begin <= k < begin + 4]  # a token that is a blank alone counts for neither
            labels = torch.full_like(window, -100)
            labels[0, scored] = window[0, scored]
            with torch.no_grad():
                mean = lm.model(input_ids=window, labels=labels).loss
            nll += float(mean) * len(scored) if scored else 0.0
            tokens += len(scored)
    (ours,) = kept(lm, [Text(str(k), "en", text) for k, text in enumerate(texts)])
    assert ours.perplexity == pytest.approx(math.exp(nll / tokens), rel=1e-4)


@pytest.mark.parametrize("pieces", [teachers.word_pieces, teachers.unigrams])
def test_a_masked_teacher_learns_to_fill_what_is_hidden(pieces: Callable[..., object], sentences: tuple[str, ...]) -> None:
    tokenizer: Any = pieces(sentences, 200)
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        pad_token_id=0,
    )  # fmt: skip
    model = BertForMaskedLM(shape)
    first = teachers.fill_masks(model, tokenizer, sentences, epochs=1)
    assert teachers.fill_masks(model, tokenizer, sentences, epochs=300) < 0.7 * first
