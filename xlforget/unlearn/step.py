"""One step's gradients: every position that a loss is asked for, in one forward pass over each text."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xlforget.corpus.batches import Batch, by_length
from xlforget.corpus.encode import Encoded
from xlforget.lm import Head, Lm
from xlforget.unlearn import objective
from xlforget.unlearn.chunked import Frozen, Pulled, pulled
from xlforget.unlearn.levels import Tokens, flat
from xlforget.unlearn.teacher import Teacher

Floats = NDArray[np.float64]
Part = Literal["forget", "rivals", "context", "retain"]
IMITATE, LEARN, TEACHERS_OWN = 1.0, 0.0, math.nan


@dataclass(frozen=True)
class Asked:
    """What is wanted at some positions of one text, and what it weighs in the step's loss (per position).

    ``row``: the text, as the teacher counts them. With ``levels`` the tokens are led there; without, ``kappa`` says how far
    the teacher is imitated and the text learned (`TEACHERS_OWN`: as the confidence has it, the teacher's or another model's).
    ``times``: what imitating weighs beside learning; ``lowered``: what is taken off the teacher's logit of each token, nats.
    """

    part: Part
    row: int
    at: Sequence[int]
    weight: float
    kappa: float = IMITATE
    levels: Tokens | None = None
    times: float = 1.0
    lowered: float = 0.0

    @property
    def imitates(self) -> bool:
        """Whether the teacher is needed for it."""
        return self.levels is None and self.kappa != LEARN


class Place(NamedTuple):
    """An `Asked` with its number among all, and its text's row in a batch."""

    number: int
    row: int
    asked: Asked


class Positions(NamedTuple):
    """The states that predict what is asked for [N, D], the tokens that stand there [N], the weights [N]."""

    states: Tensor
    targets: Tensor
    weights: Tensor

    def given(self, head: Head) -> tuple[Tensor, Head, Tensor, Tensor]:
        """In the order in which `pulled` takes them."""
        return self.states, head, self.targets, self.weights


def backward(lm: Lm, teacher: Teacher, texts: Sequence[Encoded], asked: Sequence[Asked], budget: int | None = None) -> Floats:
    """Add the gradients of the weighted sum of all losses to ``lm``'s; returns the mean loss of each of ``asked``.

    ``budget``: tokens that go through the model at once (None: as the device has it). Gradients are the same for every one, up to
    rounding.
    """
    found = np.zeros(len(asked))
    for batch, own in batches(texts, asked, budget or lm.trained_tokens):
        hidden = lm.hidden(batch)
        states, slopes = [], []
        for pulled_by, chosen in (
            (_led, [place for place in own if place.asked.levels is not None]),
            (_kept, [place for place in own if place.asked.imitates]),
            (_learned, [place for place in own if place.asked.levels is None and not place.asked.imitates]),
        ):
            if not chosen:
                continue
            where = _positions(batch, hidden, chosen)
            values, slope = pulled_by(lm, teacher, where, [place.asked for place in chosen])
            states.append(where.states)
            slopes.append(slope)
            for place, part in zip(chosen, values.cpu().split([len(place.asked.at) for place in chosen]), strict=True):
                found[place.number] = part.mean()
        torch.autograd.backward(states, slopes)
    return found


def batches(texts: Sequence[Encoded], asked: Sequence[Asked], budget: int) -> Iterator[tuple[Batch, list[Place]]]:
    """Each text once, with all that is asked of it, in batches of at most ``budget`` tokens."""
    by_row: dict[int, list[int]] = defaultdict(list)
    for number, one in enumerate(asked):
        by_row[one.row].append(number)
    rows = list(by_row)
    for batch in by_length([texts[row] for row in rows], budget):
        yield batch, [Place(n, k, asked[n]) for k, place in enumerate(batch.rows) for n in by_row[rows[place]]]


def _led(lm: Lm, _: Teacher, where: Positions, asked: Sequence[Asked]) -> Pulled:
    tau = torch.from_numpy(np.concatenate([one.levels for one in asked if one.levels is not None]))
    return pulled(objective.toward, *where.given(lm.head), tau.to(where.states.device))


def _kept(lm: Lm, teacher: Teacher, where: Positions, asked: Sequence[Asked]) -> Pulled:
    rows, at = [one.row for one in asked], [one.at for one in asked]
    kappa = _each([one.kappa for one in asked], asked, where.states)
    times, lowered = (_each(own, asked, where.states) for own in ([one.times for one in asked], [one.lowered for one in asked]))
    kappa = torch.where(kappa.isnan(), teacher.sure(rows, at).to(kappa.device), kappa)
    said = Frozen(teacher.head, teacher.hidden(rows, at), lowered if lowered.any() else None)
    return pulled(objective.adaptive, *where.given(lm.head), kappa, times, teacher=said)


def _learned(lm: Lm, _: Teacher, where: Positions, asked: Sequence[Asked]) -> Pulled:
    return pulled(objective.learn, *where.given(lm.head))


def _positions(batch: Batch, hidden: Tensor, chosen: Sequence[Place]) -> Positions:
    local, at = flat([place.asked.at for place in chosen])
    rows = torch.tensor([place.row for place in chosen], dtype=torch.long)[local]
    weights = _each([place.asked.weight for place in chosen], [place.asked for place in chosen], hidden)
    return Positions(hidden[rows, at - 1], batch.ids[rows, at].to(hidden.device), weights)


def _each(values: Sequence[float], asked: Sequence[Asked], near: Tensor) -> Tensor:
    """Each value for all positions of its ``asked``, [N], on the device of ``near``."""
    own = [value for value, one in zip(values, asked, strict=True) for _ in one.at]
    return torch.tensor(own, dtype=torch.float32, device=near.device)
