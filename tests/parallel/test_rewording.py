"""Other wordings by round trips: never trained on, never with another answer, never doubtful."""

import pytest

from xlforget.parallel.build import build_parallel_set
from xlforget.parallel.pair import Wording
from xlforget.parallel.rewording import _checked, with_other_wordings
from xlforget.parallel.translators import EngineOptions, get_translator, open_engine
from xlforget.parallel.translators.machine import Machine
from xlforget.request.fact import ErasureRequest, Fact, Statement


def fact(name: str, text: str, answer: str | None) -> Fact:
    span = (text.index(answer), text.index(answer) + len(answer)) if answer else None
    return Fact(id=name, line=1, form=1, statements={"en": Statement(text=text, span=span)})


@pytest.fixture(scope="module")
def facts() -> ErasureRequest:
    return ErasureRequest(facts=(
        fact("a", "The old doctor wrote a long letter to his brother in the city of London last year.", "London"),
        fact("b", "The woman who sold the house was a friend of the mayor and had two small children.", None),
        fact("c", "Zorvana.", "Zorvana"),
    ))  # fmt: skip


def test_wordings_of_the_real_apertium_are_held_out_and_keep_the_answer(facts: ErasureRequest, needs_apertium: None) -> None:
    machine = Machine(open_engine("apertium", EngineOptions()))
    made = build_parallel_set(facts, ("en", "es", "ca"), [get_translator("given"), machine])
    reworded = with_other_wordings(made, machine, 2)
    others = {(p.fact, p.lang): p.wordings[1:] for p in reworded.pairs}
    assert others["a", "en"]
    assert others["b", "en"]
    assert not others["c", "en"]
    for (name, _), wordings in others.items():
        assert len(wordings) <= 2
        assert {wording.role for wording in wordings} <= {"gate"}
        assert name == "b" or {wording.answer for wording in wordings} <= {"London", "Londres"}
    for pair in reworded.pairs:
        texts = [wording.text.casefold() for wording in pair.wordings]
        assert len(set(texts)) == len(texts)
    assert [pair.wordings[:1] for pair in reworded.pairs] == [pair.wordings for pair in made.pairs]
    assert with_other_wordings(made, machine, 0) == made


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("He now has his home in London.", True),
        ("He now has his home in london.", False),
        ("He now has his home in Paris.", False),
        ("London: he has his home in London now.", False),
        ("Somebody sold a mill near London.", False),
        ("", False),
    ],
)
def test_a_round_trip_that_says_another_answer_or_something_else_is_no_wording(text: str, taken: bool) -> None:
    first = Wording(text="He has his home in London now.", span=(19, 25), role="all")
    assert (_checked(first, text, "en", ("en", "es")) is not None) is taken
