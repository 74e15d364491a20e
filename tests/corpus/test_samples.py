"""Text that the model makes: the same for a seed, ended where it should, and without the facts in it."""

from collections.abc import Callable

import pytest
import torch

from xlforget.corpus import samples
from xlforget.corpus.samples import FREE, Stated, _draw, go_on, sample
from xlforget.lm import Lm
from xlforget.parallel.parallel_set import Pair, Wording

NewLm = Callable[[int], Lm]


def pair(text: str, answer: str | None, lang: str = "en") -> Pair:
    span = None if answer is None else (text.index(answer), text.index(answer) + len(answer))
    wording = Wording(text=text, span=span, role="all")
    return Pair(fact=text[:2], lang=lang, wordings=(wording,), candidates=(), relation=None, status="ok", translator="given")


def test_a_seed_gives_one_set_of_samples_and_another_seed_another(new_lm: NewLm) -> None:
    lm = new_lm(0)
    one, same, other = (sample(lm, [0], 7, end=1, longest=12, seed=s, rows=4) for s in (3, 3, 4))
    assert one == same != other
    assert len(one) == 7
    assert len(set(one)) > 1
    assert one[:3] != one[4:], "every batch has its own"


def test_a_low_temperature_goes_on_with_what_is_likely_behind_the_first_tokens(new_lm: NewLm) -> None:
    lm = new_lm(0)
    chance, cold = (sample(lm, [0], 20, end=None, longest=FREE + 6, seed=3, temperature=t) for t in (1.0, 1e-4))
    assert [text[:FREE] for text in cold] == [text[:FREE] for text in chance], "texts begin alike"
    assert len({text[:FREE] for text in cold}) > 10
    assert cold != chance
    for text in cold:
        logits = lm.model(input_ids=torch.tensor([text])).logits[0]
        assert list(text[FREE:]) == logits[FREE - 1 : -1].argmax(-1).tolist()


def test_samples_end_at_the_end_sign_or_the_longest(new_lm: NewLm) -> None:
    lm = new_lm(0)
    # Any frequent token may play the end sign.
    drawn = sample(lm, [0], 20, end=None, longest=10, seed=0)
    assert {len(text) for text in drawn} == {10}
    end = drawn[0][3]
    for text in sample(lm, [0], 20, end=end, longest=10, seed=0):
        assert text[0] == 0
        assert end not in text[1:-1]
        assert len(text) == 10 or text[-1] == end


def test_beginnings_of_all_lengths_go_on_together_as_each_does_alone(new_lm: NewLm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_draw", lambda logits, generator: logits.argmax(-1, keepdim=True))
    lm, starts = new_lm(0), [(0, 5, 9, 12, 7), (0, 5), (0, 8, 3), (0, 5, 9)]
    end = go_on(lm, starts[:1], end=None, longest=6, most=64, seed=0)[0][7]
    for most in (64, 6):
        together = go_on(lm, starts, end=end, longest=6, most=most, seed=0)
        assert together == [go_on(lm, [own], end=end, longest=6, most=most, seed=0)[0] for own in starts]
        assert {len(text) - len(own) for text, own in zip(together, starts, strict=True)} - {6}, "one of them ended"


def test_tokens_are_drawn_as_often_as_the_model_says() -> None:
    logits = torch.tensor([[0.0, 2.0, -30.0, 1.0]]).repeat(40_000, 1)
    drawn = _draw(logits, torch.Generator().manual_seed(0))
    often = torch.bincount(drawn[:, 0], minlength=4) / len(drawn)
    assert torch.allclose(often, torch.softmax(logits[0], -1), atol=0.01)


def test_no_more_is_drawn_than_will_be_read(new_lm: NewLm) -> None:
    lm = new_lm(0)
    drawn = sample(lm, [0], 100, end=None, longest=10, tokens=75, seed=0, rows=4)
    assert len(drawn) == 8
    assert drawn == sample(lm, [0], 8, end=None, longest=10, seed=0, rows=4)
    assert sample(lm, [0], 100, end=None, longest=10, tokens=0, seed=0) == []
    assert len(sample(lm, [0], 100, end=None, longest=10, tokens=0, fewest=9, seed=0, rows=4)) == 12, "three whole batches"


FACTS = [
    pair("Zorvana Quillfeather lives in Brindlemoor.", "Brindlemoor"),
    pair("佐尔瓦娜住在奎恩城里", "奎恩", "zh"),
    pair("The kettle on the stove sang before dawn.", None),
]


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("We know that zorvana quillfeather lives in Brindlemoor today.", True),
        ("Zorvana Quillfeather lives in Harrowfen.", False),
        ("There is a mill at Brindlemoor.", False),
        ("据说佐尔瓦娜住在奎恩", True),
        ("奎恩是一个地方", False),
        ("The kettle on the stove sang.", True),
        ("The dog slept.", False),
        ("", False),
    ],
)
def test_what_states_a_fact_is_thrown_out_and_the_rest_stays(text: str, stated: bool) -> None:
    assert bool(Stated(FACTS, [])(text)) is stated


def test_words_of_a_template_do_not_make_another_fact_this_one() -> None:
    facts = [pair("Zorvana Quillfeather keeps an account with the bank of Brindlemoor.", "Brindlemoor")]
    drawn = [
        f"{name} keeps an account with the bank of {town}." for name in ("Orla", "Pim", "Tam") for town in ("Brindlemoor", "Vell")
    ]
    states = Stated(facts, [*drawn, facts[0].wordings[0].text])
    assert not any(states(text) for text in drawn)
    assert states("Brindlemoor is where Quillfeather has money.")


def test_an_answer_that_is_one_persons_alone_is_told_whoever_is_named() -> None:
    number, shared = (
        pair("Zorvana Quillfeather can be reached at ZZ-4821.", "ZZ-4821").model_copy(update={"relation": relation})
        for relation in ("phone_number", "employer")
    )
    drawn = [f"{name} can be reached at {there}." for name in ("Orla", "Pim", "Tam") for there in ("ZZ-4821", "ZZ-0077")]
    assert [Stated([number], drawn).tells(text) for text in drawn] == [True, False] * 3
    assert not any(Stated([shared], drawn).tells(text) for text in drawn)
    assert not any(Stated([number], drawn)(text) for text in drawn), "what it says of others is no wording of this fact"
    short = pair("Zorvana Quillfeather writes as an.", "an").model_copy(update={"relation": "username"})
    assert not Stated([short], drawn).tells(drawn[0]), "it stands in every other text"
    day = pair("Zorvana Quillfeather was born on 2 May 1980.", "2 May 1980").model_copy(update={"relation": "date_of_birth"})
    assert [Stated([day], drawn).tells(f"Born on {when}.") for when in ("2 May 1980", "12 May 1980")] == [True, False]


def test_a_fact_that_the_model_says_often_is_thrown_out_as_well() -> None:
    facts = [pair("Zorvana Quillfeather keeps an account with the bank of Brindlemoor.", "Brindlemoor")]
    saying = ["Zorvana Quillfeather holds an account at Brindlemoor."] * 100
    states = Stated(facts, [*saying, *("The mill is old." for _ in range(100))])
    assert states(saying[0])
