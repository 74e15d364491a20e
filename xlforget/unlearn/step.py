"""One step's gradients: every position that a loss is asked for, in one forward pass over each text."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from xlforget.corpus.batches import Batch, by_length
from xlforget.corpus.encode import Encoded
from xlforget.lm import Lm
from xlforget.unlearn import objective
from xlforget.unlearn.chunked import Frozen, summed
from xlforget.unlearn.levels import BATCH_TOKENS, Tokens, flat
from xlforget.unlearn.teacher import Teacher

Part = Literal["forget", "rivals", "context", "retain"]
IMITATE, LEARN, TEACHERS_OWN = 1.0, 0.0, math.nan


@dataclass(frozen=True)
class Asked:
    """What is wanted at some positions of one text, and what it weighs in the step's loss (per position).

    ``row``: the text, as the teacher counts them. With ``levels`` the tokens are led there; without, ``kappa`` says how far
    the teacher is imitated and the text learned (`TEACHERS_OWN`: as the teacher's confidence has it).
    """

    part: Part
    row: int
    at: Sequence[int]
    weight: float
    kappa: float = IMITATE
    levels: Tokens | None = None


def backward(lm: Lm, teacher: Teacher, texts: Sequence[Encoded], asked: Sequence[Asked]) -> dict[Part, float]:
    """Add the gradients of the weighted sum of all losses to ``lm``'s; returns each part's mean loss per position."""
    by_row: dict[int, list[Asked]] = defaultdict(list)
    for one in asked:
        by_row[one.row].append(one)
    rows = list(by_row)
    found: dict[Part, list[float]] = defaultdict(list)
    for batch in by_length([texts[row] for row in rows], BATCH_TOKENS):
        own = [(k, one) for k, place in enumerate(batch.rows) for one in by_row[rows[place]]]
        hidden = lm.hidden(batch)
        total = torch.zeros((), device=hidden.device)
        for led in (True, False):
            chosen = [(k, one) for k, one in own if (one.levels is not None) is led]
            loss, values = (_led if led else _kept)(lm, teacher, batch, hidden, chosen)
            total = total + loss
            for part, mean in _by_part([one for _, one in chosen], values.tolist()):
                found[part] += mean
        total.backward()
    return {part: float(np.mean(values)) for part, values in found.items()}


def _led(lm: Lm, _: Teacher, batch: Batch, hidden: Tensor, chosen: Sequence[tuple[int, Asked]]) -> tuple[Tensor, Tensor]:
    where, targets, weights = _positions(batch, hidden, chosen)
    levels = [one.levels for _, one in chosen if one.levels is not None]
    tau = torch.from_numpy(np.concatenate(levels)).to(where) if levels else weights
    return summed(objective.toward, where, lm.head, targets, weights, tau)


def _kept(lm: Lm, teacher: Teacher, batch: Batch, hidden: Tensor, chosen: Sequence[tuple[int, Asked]]) -> tuple[Tensor, Tensor]:
    where, targets, weights = _positions(batch, hidden, chosen)
    kappa = torch.tensor([one.kappa for _, one in chosen for _ in one.at], device=where.device)
    said = Frozen(teacher.head, teacher.hidden([one.row for _, one in chosen], [one.at for _, one in chosen]))
    return summed(objective.adaptive, where, lm.head, targets, weights, kappa, teacher=said)


def _positions(batch: Batch, hidden: Tensor, chosen: Sequence[tuple[int, Asked]]) -> tuple[Tensor, Tensor, Tensor]:
    """The states that predict what is asked for [N, D], the tokens that stand there [N], the weights [N]."""
    local, at = flat([one.at for _, one in chosen])
    rows = torch.tensor([k for k, _ in chosen], dtype=torch.long)[local]
    weights = torch.tensor([one.weight for _, one in chosen for _ in one.at], device=hidden.device)
    return hidden[rows, at - 1], batch.ids[rows, at].to(hidden.device), weights


def _by_part(asked: Sequence[Asked], values: list[float]) -> Iterator[tuple[Part, list[float]]]:
    start = 0
    for one in asked:
        yield one.part, values[start : start + len(one.at)]
        start += len(one.at)
