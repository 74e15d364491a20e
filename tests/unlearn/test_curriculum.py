"""Streams: fair, narrowed without repeats, and the same after a stop."""

import json
from collections import Counter
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlforget.unlearn.curriculum import Curriculum, Sampling, Shuffled, curriculum


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4))
def test_each_is_drawn_once_before_any_again(count: int, batches: int, rounds: int) -> None:
    size = count * batches
    stream = Shuffled(3, range(size))
    for _ in range(rounds):
        assert sorted(i for _ in range(batches) for i in stream.take(count)) == list(range(size))


@given(st.integers(1, 12), st.lists(st.integers(1, 7), min_size=20, max_size=30))
def test_whatever_the_batches_none_is_drawn_twice_in_one_or_waits_longer_than_two_rounds(size: int, counts: list[int]) -> None:
    stream = Shuffled(3, range(size))
    drawn: list[int] = []
    for count in counts:
        batch = stream.take(count)
        assert len(set(batch)) == len(batch) == min(count, size)
        drawn += batch
    for i in range(size):
        at = [-1, *(k for k, j in enumerate(drawn) if j == i), len(drawn)]
        assert max(b - a for a, b in pairwise(at)) <= 2 * size


@given(st.integers(0, 9), st.integers(0, 9))
def test_state_goes_through_json_and_the_stream_goes_on_as_if_never_stopped(before: int, count: int) -> None:
    stream, other = Shuffled(5, range(11)), Shuffled(99, range(4))
    for _ in range(before):
        stream.take(3)
    stream.narrow([i for i in range(11) if i != 2])
    other.restore(json.loads(json.dumps(stream.state())))
    for _ in range(count):
        assert stream.take(4) == other.take(4)


def test_what_rests_is_no_longer_drawn_and_comes_back_when_it_is_live_again() -> None:
    stream = Shuffled(0, range(6))
    stream.take(2)
    stream.narrow([1, 4])
    assert {i for _ in range(10) for i in stream.take(2)} == {1, 4}
    stream.narrow(range(6))
    assert {i for _ in range(3) for i in stream.take(6)} == set(range(6))


def test_tokens_are_drawn_up_to_the_budget_and_no_text_twice() -> None:
    lengths = [10, 20, 30, 40]
    taken = Shuffled(0, range(4)).take_tokens(lengths, 45)
    assert sum(lengths[i] for i in taken) >= 45 > sum(lengths[i] for i in taken[:-1])
    assert sorted(Shuffled(0, range(4)).take_tokens(lengths, 10_000)) == [0, 1, 2, 3]
    assert Shuffled(0, range(4)).take_tokens(lengths, 0) == []
    assert Shuffled(0, []).take_tokens([], 100) == []


def test_a_seed_gives_one_order() -> None:
    assert Shuffled(1, range(50)).take(50) == Shuffled(1, range(50)).take(50) != Shuffled(2, range(50)).take(50)


SAMPLINGS: tuple[Sampling, ...] = get_args(Sampling)
FACTS = [f"f{k // 3}" for k in range(18)]
LANGS = [("en", "fr", "hi")[k % 3] for k in range(18)]


def drawn(own: Curriculum, batches: int, count: int) -> list[list[int]]:
    return [own.take(count, step / batches) for step in range(batches)]


def counts(batches: list[list[int]]) -> list[int]:
    found = Counter(i for batch in batches for i in batch)
    return [found[i] for i in range(len(FACTS))]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("count", [1, 5, 18, 40])
def test_every_pair_is_visited_whatever_the_order_and_none_twice_in_a_batch(sampling: Sampling, count: int) -> None:
    batches = drawn(curriculum(sampling, 3, FACTS, LANGS), 36, count)
    assert min(counts(batches)) >= 1
    most = 6 if sampling == "sequential" else 18
    assert {len(batch) for batch in batches} == {len(set(batch)) for batch in batches} == {min(count, most)}


@pytest.mark.parametrize("count", [1, 4, 5, 7, 18])
def test_round_robin_visits_all_pairs_equally_often_and_takes_the_languages_in_turn(count: int) -> None:
    batches = drawn(curriculum("round-robin", 3, FACTS, LANGS), 31, count)
    assert max(counts(batches)) - min(counts(batches)) <= 1
    if 18 % count == 0:  # else a turn is bent where a batch would hold a pair of it twice
        order = [LANGS[i] for batch in batches for i in batch]
        assert all(len(set(order[k : k + 3])) == 3 for k in range(0, len(order) - 3, 3))


def test_round_robin_pays_no_heed_to_what_is_live() -> None:
    own = curriculum("round-robin", 3, FACTS, LANGS)
    own.look([4])
    assert sorted(own.take(18, 0.0)) == list(range(18))


def test_live_takes_what_is_live_and_so_each_language_as_often_as_it_has_pairs_left() -> None:
    own = curriculum("live", 3, FACTS, LANGS)
    own.look([0, 3, 6, 4])
    found = counts(drawn(own, 10, 2))
    assert [found[i] for i in (0, 3, 6, 4)] == [5] * 4
    assert sum(found) == 20


def test_random_takes_each_fact_once_before_any_again_in_a_language_that_chance_draws() -> None:
    own = curriculum("random", 3, FACTS, LANGS)
    batches = drawn(own, 3, 6)
    assert all(sorted(FACTS[i] for i in batch) == sorted(set(FACTS)) for batch in batches)
    assert min(counts(batches)) == 0 < 1 < max(counts(batches))


def test_random_makes_up_for_what_chance_left_out_after_as_many_accesses_as_a_fact_has_pairs() -> None:
    lacking = 0
    for seed in range(20):
        own = curriculum("random", seed, FACTS, LANGS)
        first = counts(drawn(own, 3, 6))
        lacking += first.count(0)
        second = [a + b for a, b in zip(first, counts(drawn(own, 3, 6)), strict=True)]
        assert min(second) >= 1
    assert 0.15 < lacking / (20 * 18) < 0.45  # (2/3)^3 = 0.30


def test_sequential_ends_with_a_language_before_it_begins_the_next() -> None:
    own = curriculum("sequential", 3, FACTS, LANGS)
    batches = drawn(own, 12, 3)
    assert [{LANGS[i] for i in batch} for batch in batches] == [{"en"}] * 4 + [{"fr"}] * 4 + [{"hi"}] * 4
    assert set(counts(batches)) == {2}
    assert own.stages == 3


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_curriculum_goes_on_from_its_state_as_if_never_stopped(sampling: Sampling) -> None:
    own, other = curriculum(sampling, 3, FACTS, LANGS), curriculum(sampling, 8, FACTS, LANGS)
    drawn(own, 5, 4)
    own.look([1, 5, 9, 14, 3])
    own.take(3, 0.5)
    other.restore(json.loads(json.dumps(own.state())))
    assert drawn(own, 9, 4) == drawn(other, 9, 4)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_seed_gives_one_curriculum(sampling: Sampling) -> None:
    one, same, other = (drawn(curriculum(sampling, seed, FACTS, LANGS), 9, 4) for seed in (1, 1, 2))
    assert one == same != other
