"""The teacher's states and a step's gradients, divided among the ranks of a sharded model; as they are for any other.

Each rank has run the teacher on its share of the texts, and takes the gradients of what is asked at these. They are summed
over ranks, so that the step is that of one process.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import numpy as np
import torch

from xlforget.corpus.encode import Encoded
from xlforget.fleet.fleet import Twin, fleet_of
from xlforget.fleet.sharded import ShardedLm
from xlforget.fleet.spread import shares, tokens
from xlforget.lm import Lm
from xlforget.unlearn import step
from xlforget.unlearn.states import Store
from xlforget.unlearn.step import Asked, Floats
from xlforget.unlearn.teacher import Teacher


class Share(Twin):
    """On each rank: its texts, and the teacher's states of them."""

    def __init__(self, teacher: Teacher, texts: Sequence[Encoded]) -> None:
        self.teacher, self.texts = teacher, texts


class Divided(Teacher):
    """A teacher whose states lie on all ranks. ``homes``: for each text the rank that has it, and its row there."""

    def __init__(self, share: Share, homes: Sequence[tuple[int, int]]) -> None:
        self.share, self.homes = share, homes
        self.head = share.teacher.head

    def hidden(self, rows: Sequence[int], positions: Sequence[Sequence[int]]) -> NoReturn:
        """Raises LookupError: they are used where they are, by `backward`."""
        raise LookupError("the teacher's states are not on one rank")


def teach(
    lm: Lm, texts: Sequence[Encoded], asked: Sequence[range], store: Store | None = None, *, copied: bool = True
) -> Teacher:
    """`Teacher.run`; that of a sharded model keeps each rank's states in its own memory, and none in ``store``."""
    fleet = fleet_of(lm)
    if fleet is None:
        return Teacher.run(lm, texts, asked, store, copied=copied)
    rows = shares([tokens(text) for text in texts], fleet.size)
    parts = [(lm, [texts[row] for row in own], [asked[row] for row in own]) for own in rows]
    homes = {row: (rank, place) for rank, own in enumerate(rows) for place, row in enumerate(own)}
    return Divided(fleet.call(_teach, parts)[0], [homes[row] for row in range(len(texts))])


def backward(lm: Lm, teacher: Teacher, texts: Sequence[Encoded], asked: Sequence[Asked], budget: int) -> Floats:
    """`step.backward`; ``budget`` is each rank's own."""
    fleet = fleet_of(lm)
    if fleet is None or not isinstance(teacher, Divided):
        return step.backward(lm, teacher, texts, asked, budget)
    homes = [teacher.homes[one.row] for one in asked]
    numbers = [[number for number, (home, _) in enumerate(homes) if home == rank] for rank in range(fleet.size)]
    parts = [(lm, teacher.share, [replace(asked[n], row=homes[n][1]) for n in own], budget) for own in numbers]
    found = np.zeros(len(asked))
    for own, losses in zip(numbers, fleet.call(_backward, parts), strict=True):
        found[own] = losses
    return found


@torch.no_grad()
def _teach(lm: ShardedLm, texts: Sequence[Encoded], asked: Sequence[range]) -> Share:
    with lm.lockstep():
        return Share(Teacher.run(lm, texts, asked), texts)


def _backward(lm: ShardedLm, share: Share, asked: Sequence[Asked], budget: int) -> Floats:
    with lm.lockstep():
        return step.backward(lm, share.teacher, share.texts, asked, budget)
