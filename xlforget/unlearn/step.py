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
from xlforget.lm import Head, Lm, Slate
from xlforget.unlearn import objective
from xlforget.unlearn.chunked import Frozen, Loss, Pulled, pulled
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


class Wanted(NamedTuple):
    """What one loss takes at positions of a batch, on the model's device before its pass: a GPU waits for what is copied later.

    The text in the batch and the position of each token [N], the token, its weight, what else the loss takes of each.
    """

    loss: Loss
    chosen: Sequence[Place]
    rows: Tensor
    at: Tensor
    targets: Tensor
    weights: Tensor
    rest: tuple[Tensor, ...] = ()
    teacher: Frozen | None = None

    def pulled(self, hidden: Tensor, head: Head, slate: Slate) -> tuple[Tensor, Pulled]:
        """The states that predict the tokens, [N, D], and what pulls at them."""
        states = hidden[self.rows, self.at - 1]
        found = pulled(
            self.loss, states, head, self.targets, self.weights, *self.rest, teacher=self.teacher, slate=slate
        )  # fmt: skip
        return states, found


def backward(lm: Lm, teacher: Teacher, texts: Sequence[Encoded], asked: Sequence[Asked], budget: int | None = None) -> Floats:
    """Add the gradients of the weighted sum of all losses to ``lm``'s; returns the mean loss of each of ``asked``.

    ``budget``: tokens that go through the model at once (None: as the device has it). Gradients are the same for every one, up to
    rounding.
    """
    losses: list[tuple[Sequence[Place], Tensor]] = []
    slate = Slate()
    for batch, own in batches(texts, asked, budget or lm.trained_tokens):
        wanted = list(_wanted(lm.device, teacher, batch, own))
        hidden = lm.hidden(batch)
        found = [one.pulled(hidden, lm.head, slate) for one in wanted]
        torch.autograd.backward([states for states, _ in found], [own.hidden for _, own in found])
        losses += [(one.chosen, own.values) for one, (_, own) in zip(wanted, found, strict=True)]
    return _means(losses, len(asked))


def _means(losses: Sequence[tuple[Sequence[Place], Tensor]], count: int) -> Floats:
    """Over each of ``count`` asked ones' positions. Here a GPU is waited for, once for all batches."""
    if not losses:
        return np.zeros(count)
    numbers = [place.number for chosen, _ in losses for place in chosen for _ in place.asked.at]
    values = torch.cat([own for _, own in losses]).cpu().numpy()
    return np.asarray(np.bincount(numbers, values, count) / np.maximum(1, np.bincount(numbers, minlength=count)))


def batches(texts: Sequence[Encoded], asked: Sequence[Asked], budget: int) -> Iterator[tuple[Batch, list[Place]]]:
    """Each text once, with all that is asked of it, in batches of at most ``budget`` tokens."""
    by_row: dict[int, list[int]] = defaultdict(list)
    for number, one in enumerate(asked):
        by_row[one.row].append(number)
    rows = list(by_row)
    for batch in by_length([texts[row] for row in rows], budget):
        yield batch, [Place(n, k, asked[n]) for k, place in enumerate(batch.rows) for n in by_row[rows[place]]]


def _wanted(device: torch.device, teacher: Teacher, batch: Batch, places: Sequence[Place]) -> Iterator[Wanted]:
    led = [place for place in places if place.asked.levels is not None]
    kept = [place for place in places if place.asked.imitates]
    learned = [place for place in places if place.asked.levels is None and not place.asked.imitates]
    if led:
        tau = np.concatenate([place.asked.levels for place in led if place.asked.levels is not None])
        yield _at(device, batch, led, objective.toward)._replace(rest=(torch.from_numpy(tau).to(device),))
    if kept:
        rest, said = _imitated(device, teacher, [place.asked for place in kept])
        yield _at(device, batch, kept, objective.adaptive)._replace(rest=rest, teacher=said)
    if learned:
        yield _at(device, batch, learned, objective.learn)


def _imitated(device: torch.device, teacher: Teacher, asked: Sequence[Asked]) -> tuple[tuple[Tensor, Tensor], Frozen]:
    """How far each token's teacher is imitated and what that weighs, and what the teacher says."""
    rows, at = [one.row for one in asked], [one.at for one in asked]
    kappa, times, lowered = (
        _each([getattr(one, name) for one in asked], asked) for name in ("kappa", "times", "lowered")
    )  # fmt: skip
    kappa = torch.where(kappa.isnan(), teacher.sure(rows, at).cpu(), kappa)
    said = Frozen(teacher.head, teacher.hidden(rows, at), lowered.to(device) if lowered.any() else None)
    return (kappa.to(device), times.to(device)), said


def _at(device: torch.device, batch: Batch, chosen: Sequence[Place], loss: Loss) -> Wanted:
    local, at = flat([place.asked.at for place in chosen])
    rows = torch.tensor([place.row for place in chosen], dtype=torch.long)[local]
    weights = _each([place.asked.weight for place in chosen], [place.asked for place in chosen])
    targets = batch.ids.cpu()[rows, at]
    return Wanted(loss, chosen, rows.to(device), at.to(device), targets.to(device), weights.to(device))


def _each(values: Sequence[float], asked: Sequence[Asked]) -> Tensor:
    """Each value for all positions of its ``asked``, [N]."""
    return torch.tensor(values, dtype=torch.float32).repeat_interleave(torch.tensor([len(one.at) for one in asked]))
