"""Functions over a list that share their work among the ranks of a sharded model, and stay as they are for any other."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch

from xlforget.corpus.encode import Encoded
from xlforget.fleet.fleet import fleet_of
from xlforget.fleet.sharded import ShardedLm
from xlforget.lm import Lm

P = ParamSpec("P")
I = TypeVar("I")  # noqa: E741  an item
T = TypeVar("T")
Listed = Callable[Concatenate[Lm, Sequence[I], P], list[T]]


def spread(size: Callable[[I], int]) -> Callable[[Listed[I, P, T]], Listed[I, P, T]]:
    """For a function of a model and a list that trains nothing and returns one result for each item of the list.

    With a sharded model each rank gets a part of the list; ``size`` says how much work an item is.
    """

    def decorate(work: Listed[I, P, T]) -> Listed[I, P, T]:
        @wraps(work)
        def call(lm: Lm, items: Sequence[I], /, *args: P.args, **kwargs: P.kwargs) -> list[T]:
            fleet = fleet_of(lm)
            if fleet is None:
                return work(lm, items, *args, **kwargs)
            rows = shares([size(item) for item in items], fleet.size)
            parts = [(call, lm, [items[row] for row in own], args, kwargs) for own in rows]
            results = {
                row: result for own, part in zip(rows, fleet.call(_part, parts), strict=True)
                for row, result in zip(own, part, strict=True)
            }  # fmt: skip
            return [results[row] for row in range(len(items))]

        return call

    return decorate


def tokens(text: Encoded) -> int:
    """How much work a text is."""
    return len(text.ids)


def shares(sizes: Sequence[int], ranks: int) -> list[list[int]]:
    """Rows for each rank: about as much work for each, and of all sizes."""
    found: list[list[int]] = [[] for _ in range(ranks)]
    held = [0] * ranks
    for row in sorted(range(len(sizes)), key=lambda row: -sizes[row]):
        least = held.index(min(held))
        found[least].append(row)
        held[least] += sizes[row]
    return found


@torch.no_grad()
def _part(work: Callable[..., list[T]], lm: ShardedLm, items: Sequence[Any], args: Any, kwargs: Any) -> list[T]:
    with lm.lockstep():
        return work(lm, items, *args, **kwargs)
