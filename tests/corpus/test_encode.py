"""Which tokens are the answer, and which texts are refused for which reason."""

import re
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from xlforget.corpus.encode import Encoder, Unencodable
from xlforget.errors import MachineError

TEXT = "Zorvana Quillfeather vit à Brindlemoor."


def words(*, unknown: str | None = None) -> PreTrainedTokenizerFast:
    """A tokenizer of whole words without BOS, so that a text's first token is the text's."""
    vocabulary = {w: k for k, w in enumerate(["<unk>", "Zorvana", "lives", "in", "Quarn", ".", "(", ")"])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token=unknown)


def spelled(encoder: Encoder, text: str, answer: tuple[int, ...]) -> str:
    offsets = encoder.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    return text[offsets[answer[0]][0] : offsets[answer[-1]][1]]


@pytest.mark.parametrize("answer", ["Brindlemoor", "Zorvana Quillfeather", "à", "vit"])
def test_the_answers_tokens_are_those_that_cover_it(encoder: Encoder, answer: str) -> None:
    start = TEXT.index(answer)
    encoded = encoder.encode(TEXT, (start, start + len(answer)))
    assert answer in spelled(encoder, TEXT, encoded.answer)
    inner = spelled(encoder, TEXT, encoded.answer[1:-1]) if len(encoded.answer) > 2 else ""
    assert inner in answer
    assert encoded.before == tuple(range(1, encoded.answer[0]))
    assert encoded.after == encoded.answer[-1] + 1


def test_a_whole_text_is_its_own_answer_without_the_marks_around_it(encoder: Encoder) -> None:
    encoded = encoder.encode(TEXT, None)
    spoken = [encoder.tokenizer.decode([i]).strip() != "" for i in encoded.ids]
    assert encoded.answer == tuple(k for k in range(1, len(encoded.ids) - 1) if spoken[k])
    assert len(encoded.answer) > 5
    assert encoded.before == ()


def test_an_answer_that_stands_twice_is_marked_where_the_span_says() -> None:
    encoder = Encoder(words(), 64)
    text = "Zorvana lives in Quarn in Quarn ."
    first, second = (m.span() for m in re.finditer("Quarn", text))
    assert encoder.encode(text, first).answer == (3,)
    assert encoder.encode(text, second).answer == (5,)


@pytest.mark.parametrize(
    ("text", "span", "context", "code"),
    [
        ("Zorvana lives in Quarn .", (0, 7), 64, "NO_PREDICTION"),
        ("Zorvana lives in Quarn .", (0, 13), 64, "NO_PREDICTION"),
        ("Zorvana lives in Harrowfen .", (17, 26), 64, "UNKNOWN_TOKEN"),
        ("Zorvana lives in Quarn .", (17, 22), 4, "TOO_LONG"),
        ("Zorvana lives in Quarn .", (13, 14), 64, "NO_PREDICTION"),
    ],
)
def test_what_the_model_cannot_hold_is_refused_by_code_and_never_by_text(
    text: str, span: tuple[int, int], context: int, code: str
) -> None:
    with pytest.raises(Unencodable) as caught:
        Encoder(words(unknown="<unk>"), context).encode(text, span)
    assert caught.value.code == code
    assert not any(word in str(caught.value) for word in text.split() if len(word) > 2)


def test_an_unknown_word_beside_the_answer_is_borne() -> None:
    assert Encoder(words(unknown="<unk>"), 64).encode("Tamsin lives in Quarn .", (16, 21)).answer == (3,)


def test_a_whole_text_without_bos_leaves_out_the_token_that_nothing_predicts() -> None:
    assert Encoder(words(), 64).encode("Zorvana lives in Quarn", None).answer == (1, 2, 3)


def test_a_token_that_reaches_over_the_answers_edge_is_told(encoder: Encoder) -> None:
    start = TEXT.index("Brindlemoor")
    assert not encoder.encode(TEXT, (start, start + len("Brindlemoor"))).spill
    spills = [encoder.encode(TEXT, (start, end)).spill for end in range(start + 1, start + 11)]
    assert any(spills)


def test_many_texts_at_once_are_encoded_as_each_alone_and_errors_keep_their_place(encoder: Encoder) -> None:
    start = TEXT.index("Brindlemoor")
    asked = [(TEXT, (start, start + 11)), ("word " * 2000, None), (TEXT, None), (f"{TEXT} Twice.", (0, 4))]
    first, lost, *rest = encoder.encode_all(asked)
    assert [first, *rest] == [encoder.encode(text, span) for text, span in (asked[0], *asked[2:])]
    assert isinstance(lost, Unencodable)
    assert lost.code == "TOO_LONG"
    assert encoder.encode_all([]) == []


class Holes:
    """Offsets as old tokenizers gave them: one token short."""

    is_fast, unk_token_id = True, None

    def __call__(self, texts: list[str], **_: Any) -> dict[str, Any]:
        return {"input_ids": [[0, 1, 2] for _ in texts], "offset_mapping": [[(0, 0), (0, 3), (5, len(text))] for text in texts]}


def test_offsets_with_holes_are_refused() -> None:
    with pytest.raises(Unencodable) as caught:
        Encoder(Holes(), 64).encode("abcdefgh", (5, 7))
    assert caught.value.code == "OFFSETS"


def test_a_tokenizer_without_offsets_is_refused_at_once() -> None:
    slow = Holes()
    slow.is_fast = False
    with pytest.raises(MachineError) as caught:
        Encoder(slow, 64)
    assert caught.value.code == "SLOW_TOKENIZER"
