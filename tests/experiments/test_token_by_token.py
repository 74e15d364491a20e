"""One teacher-forced pass gives the very MA that greedy decoding from every true prefix does, whatever the architecture."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from tests.families import CONTEXT, FAMILIES
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.experiments.token_by_token import hits
from xlforget.lm import Lm
from xlforget.measure.memorization import token_scores

SIGNS = 500


def prepared(name: str, sentences: Sequence[str]) -> tuple[Lm, list[Encoded]]:
    """A model whose predictions differ from token to token, and texts of which it gets some tokens right and others wrong."""
    family = FAMILIES[name]
    tokenizer = family.tokenizer(list(sentences) * 3, SIGNS)
    model = family.new(tokenizer, seed=3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4.0)
    encoder = Encoder(tokenizer, CONTEXT)
    texts = [encoder.encode(text, (12, 19) if k % 3 == 0 else None) for k, text in enumerate(sentences)]
    return Lm(model), [*texts, *(own_words(model, text, 4 + 3 * k) for k, text in enumerate(texts[:4]))]


def own_words(model: torch.nn.Module, text: Encoded, length: int) -> Encoded:
    """A text that goes on as the model itself would say it, but for one token."""
    ids = list(text.ids[:3])
    with torch.inference_mode():
        for k in range(length):
            said = int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
            ids.append((said + 1) % 100 if k == 2 else said)
    return Encoded(tuple(ids), tuple(range(3, len(ids))))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("tokens", [200, 8192])
def test_one_pass_finds_the_hits_that_greedy_decoding_from_every_prefix_finds(
    name: str, tokens: int, sentences: tuple[str, ...]
) -> None:
    lm, texts = prepared(name, sentences)
    assert len({len(text.ids) for text in texts}) > 5
    one_pass = [own.hit for own in token_scores(lm, texts, tokens)]
    greedy = hits(lm.model, texts, rows=8 if tokens == 200 else len(texts))
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(one_pass, greedy, strict=True))
    known = [float(own.mean()) for own in greedy]
    assert min(known) < 0.5 < max(known) < 1.0


@pytest.mark.parametrize("rows", [1, 3])
def test_how_many_prefixes_are_asked_together_changes_nothing(rows: int, sentences: tuple[str, ...]) -> None:
    lm, texts = prepared("bloom", sentences[:5])
    assert [own.tolist() for own in hits(lm.model, texts, rows)] == [own.tolist() for own in hits(lm.model, texts)]
