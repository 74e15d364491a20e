"""Controls: text that the model never saw, apart from the facts, in splits that never mix."""

from collections import Counter

import pytest

from xlforget.corpus.controls import from_phrasebook, from_unseen, group_of, split_of, to_ask_about
from xlforget.corpus.encode import Encoder
from xlforget.corpus.probes import encode_pairs
from xlforget.parallel.parallel_set import Pair, Wording
from xlforget.parallel.translators import get_translator
from xlforget.request.clean import clean
from xlforget.request.fact import Fact, Statement, Structured


def pair(fact: str, text: str, answer: str | None, lang: str = "en", **more: object) -> Pair:
    span = None if answer is None else (text.index(answer), text.index(answer) + len(answer))
    values = {"candidates": (), "relation": None, "status": "ok", "translator": "given"} | more
    return Pair.model_validate({"fact": fact, "lang": lang, "wordings": (Wording(text=text, span=span, role="all"),), **values})


def row(name: str, text: str, answer: str, lang: str = "en", **more: tuple[str, ...]) -> Fact:
    start = text.index(answer)
    statement = Statement(text=text, span=(start, start + len(answer)))
    return Fact(id=name, line=1, form=5, statements={lang: statement}, candidates=dict(more))


def test_no_control_shares_a_prompt_with_a_fact_or_a_retain_row() -> None:
    facts = [pair("f", "Zorvana lives in Quarn.", "Quarn")]
    retain = [row("r", "Tamsin lives in Norden.", "Norden")]
    unseen = [
        row("a", "Zorvana lives in Harrowfen.", "Harrowfen"),
        row("b", "Tamsin lives in Quarn.", "Quarn"),
        row("c", "Pellam lives in Quarn.", "Quarn", en=("Quarn", "Norden")),
        row("d", "Zorvana vit à Quarn.", "Quarn", "fr"),
    ]
    made = from_unseen(unseen, ("en",), facts, retain)
    assert [p.wordings[0].text for p in made] == ["Pellam lives in Quarn."]
    assert made[0].candidates == ("Norden",)  # its own answer is no alternative
    assert {p.lang for p in from_unseen(unseen, ("en", "fr"), facts, retain)} == {"en", "fr"}


def test_a_control_that_shares_a_prompt_in_one_language_is_left_out_in_all() -> None:
    facts = [pair("f", "Zorvana lives in Quarn.", "Quarn")]
    both = row("a", "Zorvana lives in Norden.", "Norden")
    both = both.model_copy(update={"statements": {**both.statements, "fr": Statement(text="Tout autre chose.")}})
    assert from_unseen([both], ("en", "fr"), facts, []) == ()


def test_a_row_that_comes_again_is_one_control() -> None:
    again = [row(name, f"Pellam lives in {town}.", town) for name, town in (("a", "Quarn"), ("b", "Norden"), ("c", "Quarn"))]
    assert len(from_unseen(again, ("en",), [], [])) == 2


def test_a_row_without_candidates_takes_answers_of_other_rows_where_there_are_enough() -> None:
    towns = ("Quarn", "Norden", "Vell", "Harrowfen", "Ondmoor")
    rows = [row(town, f"Pellam of {town} lives in {town}s.", f"{town}s") for town in towns]
    made = from_unseen(rows, ("en",), [], [])
    assert [set(p.candidates) for p in made] == [{f"{t}s" for t in towns if t != own} for own in towns]
    assert made == from_unseen(rows, ("en",), [], [])
    assert all(p.candidates == () for p in from_unseen(rows[:4], ("en",), [], []))


def test_no_facts_id_can_be_a_controls() -> None:
    (made,) = from_unseen([row("a", "Pellam lives in Quarn.", "Quarn")], ("en",), [], [])
    assert clean(made.fact) != made.fact


def test_a_rows_split_is_of_its_id_alone_and_all_three_are_used() -> None:
    splits = [split_of(f"u{k}") for k in range(300)]
    assert splits == [split_of(f"u{k}") for k in range(300)]
    # Written down, for a split that moves between versions would let the gate read what was trained on.
    assert [split_of(f"u{k}") for k in range(6)] == ["aim", "stop", "aim", "aim", "aim", "aim"]
    assert min(Counter(splits).values()) > 70


def test_the_phrasebook_gives_hundreds_of_invented_people_in_every_language_of_the_facts() -> None:
    person = Structured(subject={"*": "Zorvana"}, relation="city_of_residence", object={"*": "Quarn"})
    other = Structured(subject={"*": "Tamsin"}, relation="phone_number", object={"*": "555"})
    facts = [Fact(id=f"f{k}", line=k, form=4, statements={}, structured=s) for k, s in enumerate([person, person, other])]
    made = from_phrasebook(facts, ("en", "fr"), get_translator("phrasebook"), 300, 5)
    rows = Counter(p.relation for p in made if p.lang == "en")
    assert sum(rows.values()) >= 250
    assert abs(rows["city_of_residence"] - 2 * rows["phone_number"]) <= 0.2 * rows["city_of_residence"]
    assert Counter(p.lang for p in made)["fr"] >= 250
    assert all(w.answer not in p.candidates for p in made for w in p.wordings[:1])
    assert len({p.wordings[0].text for p in made if p.lang == "en"}) >= 250
    assert {split_of(p.fact) for p in made} == {"aim", "stop", "gate"}
    assert made == from_phrasebook(facts, ("en", "fr"), get_translator("phrasebook"), 300, 5)


def test_without_structured_facts_nobody_is_invented() -> None:
    assert from_phrasebook([row("a", "Tamsin naps.", "naps")], ("en",), get_translator("phrasebook"), 300, 5) == ()


def test_facts_are_held_against_controls_of_their_own_form() -> None:
    assert group_of(pair("f", "Tamsin naps.", "naps", relation="hobby")) == "structured"
    assert group_of(pair("f", "Tamsin naps.", "naps")) == "answer"
    assert group_of(pair("f", "Tamsin naps.", None)) == "sentence"


def test_alternatives_stand_in_the_answers_place_and_no_more_than_asked(encoder: Encoder) -> None:
    one = pair("f", "Zorvana lives in Quarn and keeps bees.", "Quarn", candidates=("Norden", "Harrowfen", "Quay"))
    (probe,), refused = encode_pairs(encoder, [one], 2)
    assert refused == []
    assert len(probe.alternatives) == 2
    for alternative in probe.alternatives:
        text = encoder.tokenizer.decode(alternative.ids, skip_special_tokens=True)
        answer = encoder.tokenizer.decode([alternative.ids[k] for k in alternative.answer]).strip()
        assert answer in one.candidates
        assert text == f"Zorvana lives in {answer} and keeps bees."


def test_a_pair_that_is_too_long_is_refused_by_code_and_the_others_stay(encoder: Encoder) -> None:
    long = pair("long", "Zorvana " * 80 + "naps.", "naps")
    probes, refused = encode_pairs(encoder, [long, pair("f", "Tamsin naps.", "naps")], 0)
    assert [p.row for p in probes] == ["f"]
    assert [(r.row, r.code) for r in refused] == [("long", "TOO_LONG")]


def asking(phones: int, employers: int) -> list[Fact]:
    relations = ["phone_number"] * phones + ["employer"] * employers
    people = [
        Structured(subject={"en": f"Zorvana Quill{k}"}, relation=relation, object={"en": f"+44 7700 9001{k:02}"}, gender="f")
        for k, relation in enumerate(relations)
    ]
    return [Fact(id=f"f{k}", line=1, form=4, statements={}, structured=own) for k, own in enumerate(people)]


@pytest.mark.parametrize(("phones", "fewest"), [(1, 45), (2, 125), (4, 45)])
def test_a_few_numbers_among_many_employers_have_people_enough_to_be_asked_about(phones: int, fewest: int) -> None:
    facts, book = asking(phones, 30), get_translator("phrasebook")
    proportional = from_phrasebook(facts, ("en",), book, 300, 0)
    more = to_ask_about(facts, ("en",), book, 300, 0)
    alone = [own for own in (*proportional, *more) if own.relation == "phone_number"]
    assert sum(split_of(own.fact) == "gate" for own in alone) >= fewest
    assert {group_of(own) for own in more} == {"others"}
    assert {group_of(own) for own in proportional} == {"structured"}
    assert {own.wordings[0].text for own in more}.isdisjoint(own.wordings[0].text for own in proportional)
    assert len({own.fact for own in (*proportional, *more)}) == len(proportional) + len(more)


@pytest.mark.parametrize(("phones", "employers"), [(8, 0), (20, 12), (0, 9)])
def test_where_there_are_enough_or_nobody_is_asked_about_no_more_are_invented(phones: int, employers: int) -> None:
    assert to_ask_about(asking(phones, employers), ("en",), get_translator("phrasebook"), 300, 0) == ()


def test_of_every_relation_there_is_somebody_to_be_asked_about() -> None:
    facts = asking(40, 40)
    account = facts[0].model_copy(update={"structured": facts[0].structured.model_copy(update={"relation": "bank_account"})})  # type: ignore[union-attr]
    more = to_ask_about([account, *facts[1:]], ("en",), get_translator("phrasebook"), 300, 0)
    assert {split_of(own.fact) for own in more if own.relation == "bank_account"} == {"aim", "stop", "gate"}
