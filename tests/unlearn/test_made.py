"""Text that is sampled begins as the model's own texts do."""

from collections.abc import Callable, Sequence

import pytest

from tests.families import BOS, EOS, KINDS, Marks, train_tokenizer
from xlforget.corpus.corpus import Corpus, Text
from xlforget.corpus.encode import Encoder
from xlforget.lm import Lm
from xlforget.unlearn import made
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


def test_what_is_held_out_stands_nowhere_in_training(
    new_lm: Callable[[int], Lm], encoder: Encoder, sentences: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that knows a text by heart says it again and again."""
    monkeypatch.setattr(made, "sample", lambda *_, **__: [(0, 5, 6 + k % 40, 7) for k in range(320)])
    corpus = Corpus(("en",), (), {}, (), {}, (), (), (Text("u", "en", encoder.encode(sentences[0], None)),), (), (), (), 64)
    found = made.make(new_lm(0), encoder, corpus, [], 320, 10_000, 0, 0, lambda done, total: None)
    assert len(found.held_out) == 320 // made.HELD_OUT
    assert len(found.train) == 320 // 40 * (40 - 20)
    assert not {*found.held_out} & {*found.train}
