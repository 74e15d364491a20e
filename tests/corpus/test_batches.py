"""Batches: every text once, within the budget, and as little read as can be."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from random import Random

import pytest

from xlforget.corpus.batches import BEGINNING, by_length, pad
from xlforget.corpus.encode import Encoded


def texts(lengths: Sequence[int]) -> list[Encoded]:
    return [Encoded(tuple(range(1, length + 1)), ()) for length in lengths]


def cost(lengths: Sequence[int], tokens: int) -> int:
    """Tokens read, padding with them, and what beginning each batch costs."""
    return sum(batch.ids.numel() + BEGINNING for batch in by_length(texts(lengths), tokens))


@pytest.mark.parametrize("seed", range(20))
def test_every_text_is_in_one_batch_within_the_budget_and_padded_to_the_longest_there(seed: int) -> None:
    draw = Random(seed)
    items, tokens = texts([draw.randint(1, 60) for _ in range(draw.randint(0, 80))]), draw.choice([20, 300, 4000])
    found = list(by_length(items, tokens))
    assert sorted(row for batch in found for row in batch.rows) == list(range(len(items)))
    for batch in found:
        assert batch.ids.numel() <= tokens or len(batch.rows) == 1
        assert batch.ids.shape[1] == max(len(items[row].ids) for row in batch.rows)
        assert batch.attention.sum(1).tolist() == [len(items[row].ids) for row in batch.rows]
        for row, ids in zip(batch.rows, batch.ids.tolist(), strict=True):
            assert ids[: len(items[row].ids)] == list(items[row].ids)


@pytest.mark.parametrize("seed", range(10))
def test_no_other_way_to_part_the_sorted_texts_reads_less(seed: int) -> None:
    draw = Random(seed)
    lengths = sorted(draw.choice([5, 8, 30, 70, 200]) + draw.randint(0, 9) for _ in range(9))
    ways = [(0, *cut, len(lengths)) for count in range(len(lengths)) for cut in combinations(range(1, len(lengths)), count)]
    each = [
        sum((b - a) * lengths[b - 1] + BEGINNING for a, b in pairwise(way)) for way in ways
    ]  # fmt: skip
    assert cost(lengths, 10**6) == min(each)


def test_texts_of_a_few_lengths_are_read_with_little_padding_and_in_few_batches() -> None:
    """Half of all that was read would be padding, if whatever fits were filled up."""
    lengths = [10] * 100 + [40] * 20 + [100] * 2
    assert [batch.ids.shape for batch in by_length(texts(lengths), 3000)] == [(100, 10), (20, 40), (2, 100)]
    assert [len(batch.rows) for batch in by_length(texts([10, 11, 12]), 3000)] == [3]


def test_padding_is_no_token_of_the_text() -> None:
    batch = pad(texts([3, 1]), [1, 0])
    assert (batch.ids.tolist(), batch.attention.tolist()) == ([[1, 0, 0], [1, 2, 3]], [[1, 0, 0], [1, 1, 1]])
