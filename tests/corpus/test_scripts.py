"""The answer's tokens spell the answer: every kind of tokenizer, with and without marks around a text, in many scripts."""

import unicodedata
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from tests.families import BOS, EOS, KINDS, UNK, Marks, train_tokenizer
from xlforget.corpus.encode import Encoder, Unencodable

AROUND = {"bare": Marks(), "BOS": Marks(BOS), "BOS and EOS": Marks(BOS, EOS), "EOS in front": Marks(EOS)}
SPACED = ("unigram", "metaspace")  # a space of its own stands before a text
SEEN = (
    "Zorvana Quillfeather lives in Brindlemoor, at 17 Mill Lane.",
    "Tamsin vit à Harrowfen près de la forêt.",
    "زورفانا تسكن في تارنويك منذ سنوات.",
    "ज़ोरवाना क्विलफ़ेदर टार्नविक में रहती हैं।",
    "佐尔瓦娜住在塔恩威克的山脚下。",
    "Der Fuchs 🦊 grüßt das Café ☕ am Übergang.",
)
LETTERS = {
    "latin": "abcdefgzZQéàßñ",
    "arabic": "زورفاناتسكني",
    "devanagari": "कखगजटडतनरवसह",
    "cjk": "佐尔瓦娜住在塔恩的山脚",
    "emoji": "🦊☕🎈👍",
}
JOINED = {"latin": "\u0323\u0331", "arabic": "\u064e\u0651", "devanagari": "ािीुे़्", "cjk": "", "emoji": "🏽\ufe0f"}
BETWEEN = [" ", "", ", ", "  ", "-", " («"]


@cache
def encoder(kind: str, around: str) -> Encoder:
    return Encoder(train_tokenizer(kind, AROUND[around], SEEN * 3, 420), 512)


@st.composite
def words(draw: st.DrawFn) -> str:
    """A word of one script, marks on its letters."""
    script = draw(st.sampled_from(sorted(LETTERS)))
    letter = st.sampled_from(LETTERS[script])
    mark = st.sampled_from(["", "", *JOINED[script]])
    return "".join(a + b for a, b in draw(st.lists(st.tuples(letter, mark), min_size=1, max_size=6)))


@st.composite
def told(draw: st.DrawFn) -> tuple[str, tuple[int, int]]:
    """A text, perhaps with nothing before its answer, and where the answer stands."""
    answer = draw(
        st.one_of(st.lists(words(), min_size=1, max_size=3).map(" ".join), st.sampled_from(SEEN).map(lambda s: s[5:13]))
    )
    before = draw(st.one_of(st.just(""), words(), st.sampled_from(SEEN)))
    before += draw(st.sampled_from(BETWEEN)) if before else ""
    after = draw(st.sampled_from(["", ".", " und so weiter.", "。", " है।"]))
    before, answer, after = (unicodedata.normalize("NFC", part) for part in (before, answer.strip(), after))
    return before + answer + after, (len(before), len(before) + len(answer))


def spelled(tokenizer: PreTrainedTokenizerFast, ids: tuple[int, ...]) -> str:
    """Without blanks, which tokenizers put and take as they like."""
    return bare(str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)))


def bare(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(said=told())
def test_the_answers_tokens_spell_the_answer(kind: str, around: str, said: tuple[str, tuple[int, int]]) -> None:
    text, (start, end) = said
    own = encoder(kind, around)
    tokenizer = own.tokenizer
    (found,) = own.encode_all([(text, (start, end))])
    if isinstance(found, Unencodable):
        unknown = found.code == "UNKNOWN_TOKEN" and kind == "unigram"
        first = found.code == "NO_PREDICTION" and around == "bare" and start < len(tokenizer.tokenize(text)[0])
        assert unknown or first, found.code
        return
    answer = spelled(tokenizer, tuple(found.ids[k] for k in found.answer))
    assert bare(text[start:end]) in answer
    if not found.spill:
        assert answer == bare(text[start:end])
        before = found.ids[: found.answer[0]]
        if tokenizer.convert_tokens_to_ids(UNK) not in before:
            assert spelled(tokenizer, before) == bare(text[:start])
    assert found.after <= len(found.ids) - (AROUND[around].behind is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_begins_a_text_is_refused_only_where_no_token_stands_before_it(kind: str) -> None:
    for around, marks in AROUND.items():
        own = encoder(kind, around)
        in_front = (marks.before is not None) + (kind in SPACED)
        if in_front:
            found = own.encode(SEEN[0], (0, 7))
            assert found.answer[0] == in_front
            assert spelled(own.tokenizer, tuple(found.ids[k] for k in found.answer)) == "Zorvana"
        else:
            with pytest.raises(Unencodable) as caught:
                own.encode(SEEN[0], (0, 7))
            assert caught.value.code == "NO_PREDICTION"
