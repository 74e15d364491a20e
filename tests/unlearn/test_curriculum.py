"""Streams: fair, narrowed without repeats, and the same after a stop."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from xlforget.unlearn.curriculum import Shuffled


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
