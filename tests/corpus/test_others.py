"""Answers asked about people whom they do not belong to: what is asked, about whom, and of which facts."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from xlforget.corpus import controls
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.others import about_others, identifies
from xlforget.corpus.probes import Probe, encode_pairs
from xlforget.parallel.translators import get_translator
from xlforget.request import invent, phrasebook

COUNT = 12


def worded(encoder: Encoder, relation: str, prefix: str, seed: int, count: int = COUNT) -> list[Probe]:
    """In English, and the same once more as if it were another language: the tokenizer at hand reads no other."""
    people = invent.invent_people(phrasebook.relation(relation), count, seed, ("en",))
    book = get_translator("phrasebook")
    pairs = [pair for k, one in enumerate(people) for pair in controls.worded(f"{prefix}{k}", one, ("en",), book, seed)]
    own = encode_pairs(encoder, pairs, 3)[0]
    return [*own, *(replace(probe, lang="de") for probe in own)]


@pytest.fixture(scope="module")
def facts(encoder: Encoder) -> list[Probe]:
    return worded(encoder, "phone_number", "f", 1, 3)


@pytest.fixture(scope="module")
def people(encoder: Encoder) -> list[Probe]:
    return [*worded(encoder, "phone_number", "p", 2), *worded(encoder, "employer", "e", 2)]


def answer(encoder: Encoder, probe: Probe) -> str:
    return str(encoder.tokenizer.decode([probe.text.ids[at] for at in probe.text.answer])).strip()


def around(probe: Probe) -> tuple[Sequence[int], Sequence[int]]:
    return probe.text.ids[: probe.text.answer[0]], probe.text.ids[probe.text.after :]


def test_the_answer_stands_in_a_text_of_the_same_wording_about_somebody_else(
    encoder: Encoder, facts: list[Probe], people: list[Probe]
) -> None:
    asked = about_others(facts, people)
    assert len(asked) == len(facts)
    for fact, probe in zip(facts, asked, strict=True):
        assert (probe.row, probe.lang, probe.wording, probe.role) == (fact.row, fact.lang, fact.wording, fact.role)
        assert answer(encoder, probe) == answer(encoder, fact)
        about = {(one.relation, one.wording) for one in people if one.lang == fact.lang and around(one) == around(probe)}
        assert about == {("phone_number", fact.wording)}
        assert not probe.alternatives
        assert not probe.rivals


def test_it_is_about_the_same_people_in_every_language_and_others_for_each_wording(
    facts: list[Probe], people: list[Probe]
) -> None:
    def whom(lang: str, fact: str) -> list[str]:
        asked = [probe for probe in about_others(facts, people) if (probe.lang, probe.row) == (lang, fact)]
        return [next(one.row for one in people if one.lang == lang and around(one) == around(probe)) for probe in asked]

    for fact in ("f0", "f1", "f2"):
        assert whom("en", fact) == whom("de", fact)
        assert len(set(whom("en", fact))) == len(whom("en", fact)) == 5
    assert about_others(facts, people) == about_others(facts, people)


def test_each_is_asked_about_so_many_people_and_no_more_than_there_are(facts: list[Probe], people: list[Probe]) -> None:
    assert len(about_others(facts, people, 4)) == 4 * len(facts)
    assert len({probe.text.ids for probe in about_others(facts[:1], people, 100)}) == COUNT


def test_nobody_is_asked_for_an_answer_of_their_own(people: list[Probe]) -> None:
    asked = about_others(people, people, 100)
    assert {(probe.row, probe.text.ids) for probe in asked}.isdisjoint((one.row, one.text.ids) for one in people)
    assert about_others(people[:1], people[:1]) == []


def test_of_facts_that_are_not_structured_nothing_is_asked(facts: list[Probe], people: list[Probe]) -> None:
    def bare(probes: Sequence[Probe]) -> list[Probe]:
        return [replace(one, relation=None) for one in probes]

    assert about_others(bare(facts), people) == about_others(facts, bare(people)) == []


def test_what_is_no_longer_than_all_that_the_model_is_known_to_hold_comes_first(facts: list[Probe]) -> None:
    """A long answer in a long frame is longer than both texts; it is asked where there is no other frame."""
    answer, short, long = (
        replace(facts[0], row=row, text=Encoded((0, *range(10, 16)), at))
        for row, at in (("answer", tuple(range(2, 7))), ("short", tuple(range(3, 7))), ("long", (6,)))
    )
    assert {len(probe.text.ids) for probe in about_others([answer], [short, long], 2)} == {8}
    assert [len(probe.text.ids) for probe in about_others([answer], [long])] == [11]
    assert len(about_others([replace(answer, text=short.text)], [replace(long, text=answer.text)])[0].text.ids) == 6


def test_the_space_before_an_answer_comes_once_whichever_token_holds_it(facts: list[Probe]) -> None:
    """ "is", " ", "077" in one text; "is", " +44" in the other."""
    apart = replace(facts[0], row="apart", text=Encoded((0, 5, 6, 20, 30), (3,), space=1))
    joined = replace(facts[0], row="joined", text=Encoded((0, 5, 21, 30), (2,)))
    assert about_others([apart], [joined])[0].text == Encoded((0, 5, 6, 20, 30), (3,), space=1)
    assert about_others([joined], [apart])[0].text == Encoded((0, 5, 21, 30), (2,))


@pytest.mark.parametrize(
    ("relation", "found"),
    [("phone_number", True), ("bank_account", True), ("employer", False), ("diagnosis", False), (None, False), ("of old", False)],
)
def test_a_number_is_one_persons_alone_and_an_employer_is_not(relation: str | None, found: bool) -> None:
    assert identifies(relation) is found
