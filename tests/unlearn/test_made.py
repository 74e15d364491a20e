"""Text that is sampled begins as the model's own texts do."""

from collections.abc import Sequence

import pytest

from tests.families import BOS, EOS, KINDS, Marks, train_tokenizer
from xlforget.unlearn.made import _ends


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("marks", "first"),
    [(Marks(BOS), BOS), (Marks(BOS, EOS), BOS), (Marks(EOS), EOS), (Marks(), EOS), (Marks(behind=EOS), EOS)],
)
def test_a_sample_begins_with_what_the_tokenizer_puts_in_front_of_a_text_or_with_the_end_of_another(
    sentences: Sequence[str], kind: str, marks: Marks, first: str
) -> None:
    tokenizer = train_tokenizer(kind, marks, sentences, 420)
    _, start, end = _ends(tokenizer)
    assert tokenizer.convert_ids_to_tokens(start) == [first]
    assert end == tokenizer.eos_token_id
