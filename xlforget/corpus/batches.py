"""Batches of about the same length under a token budget, so that little is spent on padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from xlforget.corpus.encode import Encoded

# What it costs to begin a batch, in tokens read: as much as fits a small model on a CPU, and a large one on a GPU.
BEGINNING = 128


@dataclass(frozen=True)
class Batch:
    """Right-padded rows. ``rows`` are indices into the list that was batched. Shapes: [B, T]."""

    rows: tuple[int, ...]
    ids: torch.Tensor
    attention: torch.Tensor


def pad(items: Sequence[Encoded], rows: Sequence[int]) -> Batch:
    """One batch of the given rows, padded to the longest of them."""
    longest = max(len(items[r].ids) for r in rows)
    lengths = torch.tensor([len(items[r].ids) for r in rows])
    ids = torch.tensor([items[r].ids + (0,) * (longest - len(items[r].ids)) for r in rows])
    attention = (torch.arange(longest) < lengths[:, None]).long()
    return Batch(tuple(rows), ids, attention)


def by_length(items: Sequence[Encoded], tokens: int) -> Iterator[Batch]:
    """All items once, sorted by length, each batch at most ``tokens`` tokens with padding (one row at the least)."""
    order = sorted(range(len(items)), key=lambda r: len(items[r].ids))
    lengths = [len(items[r].ids) for r in order]
    ends = cuts(lengths, tokens)
    rows: list[int] = []
    for place, r in enumerate(order):
        if rows and (place in ends or (len(rows) + 1) * lengths[place] > tokens):
            yield pad(items, rows)
            rows = []
        rows.append(r)
    if rows:
        yield pad(items, rows)


def cuts(lengths: Sequence[int], tokens: int) -> set[int]:
    """Places in the ascending ``lengths`` before which a batch ends: padding and beginning batches cost the least together."""
    each, counts = np.unique(np.asarray(lengths), return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])
    least, came = np.zeros(len(before)), np.zeros(len(before), int)
    for k in range(1, len(before)):
        padded = (before[k] - before[:k]) * each[k - 1]
        costs = least[:k] + padded + BEGINNING * np.ceil(padded / tokens)
        came[k] = costs.argmin()
        least[k] = costs[came[k]]
    found, k = set[int](), len(before) - 1
    while k > 0:
        k = int(came[k])
        found.add(int(before[k]))
    return found
