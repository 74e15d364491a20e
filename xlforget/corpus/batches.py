"""Batches of about the same length under a token budget, so that little is spent on padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from xlforget.corpus.encode import Encoded


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
    rows: list[int] = []
    for r in order:
        if rows and (len(rows) + 1) * len(items[r].ids) > tokens:
            yield pad(items, rows)
            rows = []
        rows.append(r)
    if rows:
        yield pad(items, rows)
