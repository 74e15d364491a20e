"""What the model itself says of the facts: found among its texts, marked, and led to the same level."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from xlforget.corpus.encode import Encoder
from xlforget.corpus.probes import Probe
from xlforget.corpus.samples import Stated, go_on
from xlforget.lm import Lm
from xlforget.parallel.parallel_set import Pair, Wording
from xlforget.unlearn.made import Made
from xlforget.unlearn.told import MOST, PEOPLE, Told, beginnings, told_in, told_of, told_of_others

ASKED, ANSWER = "Zorvana Quillfeather lives in Brindlemoor.", "Brindlemoor"


def pair(text: str, answer: str) -> Pair:
    start = text.index(answer)
    wording = Wording(text=text, span=(start, start + len(answer)), role="all")
    return Pair(
        fact="f0", lang="en", wordings=(wording,), candidates=(), relation="city_of_residence", status="ok", translator="given"
    )


def found(texts: Sequence[str], encoder: Encoder, about: Pair | None = None) -> list[Told]:
    return list(told_in(texts, Stated([about or pair(ASKED, ANSWER)], texts), encoder))


def test_a_fact_in_other_words_is_found_and_its_answer_marked(encoder: Encoder) -> None:
    text = "They all know Zorvana Quillfeather, who keeps bees in Brindlemoor."
    others = [f"{name} Oxgrove lives in {town}." for name in ("Tamsin", "Pim") for town in ("Brindlemoor", "Harrowfen", "Vell")]
    (told,) = found([text, *others, "Zorvana Quillfeather lives in Harrowfen.", text], encoder)
    assert (told.row, told.lang) == ("f0", "en")
    assert encoder.tokenizer.decode([told.text.ids[at] for at in told.text.answer]).strip() == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        "Zorvana Quillfeather of Brindlemoor lives in Brindlemoor.",
        "zorvana quillfeather lives in brindlemoor.",
        "Brindlemoor is where Zorvana Quillfeather lives.",
        "Zorvana Quillfeather lives in Brindlemoor." + " Bees." * 60,
    ],
    ids=["answer twice", "other letters", "answer first", "too long"],
)
def test_a_text_whose_answer_cannot_be_told_is_left_out(text: str, encoder: Encoder) -> None:
    assert found([text], encoder) == []


def test_of_facts_that_are_not_structured_nobody_can_tell_what_a_text_says(encoder: Encoder) -> None:
    assert found([ASKED], encoder)
    assert found([ASKED], encoder, pair(ASKED, ANSWER).model_copy(update={"relation": None})) == []


def test_a_pair_has_no_more_than_a_number_of_texts(encoder: Encoder) -> None:
    assert len(found([f"Zorvana Quillfeather has {k} bees in Brindlemoor." for k in range(MOST + 9)], encoder)) == MOST


def test_texts_are_begun_before_their_answer_and_gone_on_with(encoder: Encoder, new_lm: Callable[[int], Lm]) -> None:
    start = ASKED.index(ANSWER)
    probe = Probe("f0", "en", 0, "all", encoder.encode(ASKED, (start, start + len(ANSWER))))
    whole = Probe("f1", "en", 0, "all", encoder.encode("The lamp burns.", None))
    begun = beginnings([replace(probe, relation="city_of_residence"), whole, probe], 12, 0)
    assert len(begun) == 12
    assert {len(own) for own in begun} == set(range(2, probe.text.answer[0]))

    assert all(own == probe.text.ids[: len(own)] for own in begun)
    texts = go_on(new_lm(0), begun, end=None, longest=5, most=64, seed=0)
    assert [text[: len(own)] for text, own in zip(texts, begun, strict=True)] == begun
    assert [len(text) - len(own) for text, own in zip(texts, begun, strict=True)] == [5] * 12
    assert texts == go_on(new_lm(0), begun, end=None, longest=5, most=64, seed=0)
    assert len(set(texts)) > 6


def test_a_text_serves_the_pairs_that_have_as_many_answer_tokens(encoder: Encoder) -> None:
    (told,) = found(["They say that Zorvana Quillfeather lives in Brindlemoor."], encoder)
    start = ASKED.index(ANSWER)
    probe = Probe("f0", "en", 0, "all", encoder.encode(ASKED, (start, start + len(ANSWER))))
    longer = Probe("f0", "en", 1, "all", encoder.encode(ASKED, (start - 6, start + len(ANSWER))))
    french = Probe("f0", "fr", 0, "all", probe.text)
    assert len(longer.text.answer) > len(told.text.answer)
    assert told_of([longer, french, probe], [told]) == {2: [0]}


def test_what_the_model_says_and_what_others_are_told_take_turns(encoder: Encoder) -> None:
    start = ASKED.index(ANSWER)
    probe = Probe("f0", "en", 0, "all", encoder.encode(ASKED, (start, start + len(ANSWER))))
    others, said = ([Told("f0", "en", probe.text)] * count for count in (2, 4))
    assert told_of([probe], others, said) == {0: [0, 2, 1, 3, 4, 5]}
    assert told_of([probe], [], said) == {0: [0, 1, 2, 3]}


@pytest.mark.parametrize(("relation", "told"), [("phone_number", PEOPLE), ("city_of_residence", 0), (None, 0)])
def test_others_are_told_what_is_one_persons_alone(encoder: Encoder, relation: str | None, told: int) -> None:
    def probe(who: str) -> Probe:
        text = f"{who} lives in Brindlemoor."
        start = text.index(ANSWER)
        return Probe(who, "en", 0, "all", encoder.encode(text, (start, start + len(ANSWER))), relation=relation)

    people = [probe(f"Tamsin {name}") for name in ("Quill", "Thistle", "Marrow", "Corvin", "Fennel", "Larch")]
    found = told_of_others([probe("Zorvana Quillfeather")], people)
    assert len(found) == told
    assert {(one.row, one.lang) for one in found} <= {("Zorvana Quillfeather", "en")}
    assert {one.text for one in found} <= {own.text for own in people}


def test_made_text_comes_back_from_the_work_folder(encoder: Encoder) -> None:
    made = Made((encoder.encode("The lamp burns.", None),), (), 9, 2, tuple(found([ASKED], encoder)))
    assert made.told
    assert Made.from_json(made.to_json()).told == made.told
