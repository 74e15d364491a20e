"""Fewer digits in training, on every architecture, and all of them back afterwards."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from tests.families import FAMILIES
from xlforget.corpus.batches import pad
from xlforget.corpus.encode import Encoder
from xlforget.lm import Lm
from xlforget.unlearn.precision import cast, put_back


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_that_was_cast_and_put_back_is_what_it_was(name: str, sentences: Sequence[str]) -> None:
    tokenizer = FAMILIES[name].tokenizer(sentences)
    encoder = Encoder(tokenizer, 64)
    batch = pad([encoder.encode(text, None) for text in sentences], range(len(sentences)))
    lm = Lm(FAMILIES[name].new(tokenizer))

    def logits() -> Tensor:
        with torch.inference_mode():
            return lm.head(lm.hidden(batch))[batch.attention.bool()]

    before = logits()
    originals = cast(lm.model, torch.bfloat16)
    assert {p.dtype for p in lm.model.parameters()} == {torch.bfloat16}
    assert all(own.dtype == torch.float32 for key, own in lm.model.named_buffers() if key.endswith("inv_freq"))
    assert lm.hidden(batch).dtype == torch.bfloat16
    torch.testing.assert_close(logits(), before, atol=0.1, rtol=0.1)
    put_back(originals)
    assert torch.equal(logits(), before)
