"""A few steps of fine-tuning, of the same hardness for a model of any size: what attacks train with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from xlforget.corpus.batches import by_length
from xlforget.corpus.encode import Encoded
from xlforget.fleet.sharded import lockstep, share
from xlforget.fleet.weights import size
from xlforget.lm import Lm

TEXTS = 64
SEED = 1
# Each step moves every weight by this share of the root mean square of its tensor: the same attack on a model of any size.
STEP = 0.01
PART = 4


@dataclass(frozen=True)
class Lesson:
    """A text, and the positions of it that are learned."""

    text: Encoded
    at: Sequence[int]


def tune(lm: Lm, lessons: Sequence[Lesson], steps: int) -> None:
    """Steps on the mean NLL of the lessons' tokens, `TEXTS` at a time, each weight along the sign of its gradient: what Adam's
    first steps are, without its memory."""
    if not lessons:
        return
    draw = np.random.default_rng(SEED)
    lm.model.eval()  # no dropout: the same attack every time
    sizes = [STEP * size(own) for own in lm.model.parameters()]
    for _ in range(steps):
        chosen = [lessons[k] for k in draw.choice(len(lessons), min(TEXTS, len(lessons)), replace=False)]
        with torch.enable_grad(), lockstep(lm):
            _gradients(lm, share(lm, chosen), sum(len(lesson.at) for lesson in chosen))
        with torch.no_grad():
            for parameter, length in zip(lm.model.parameters(), sizes, strict=True):
                if parameter.grad is not None:
                    parameter.add_(parameter.grad.sign_(), alpha=-length)
                    parameter.grad = None


def _gradients(lm: Lm, lessons: Sequence[Lesson], total: int) -> None:
    """Those of the NLL over ``total`` tokens, a part of the texts that are read at once: here all their logits are held."""
    for batch in by_length([lesson.text for lesson in lessons], lm.tokens // PART):
        at = [(k, position) for k, row in enumerate(batch.rows) for position in lessons[row].at]
        rows, positions = torch.tensor(at).T
        targets = batch.ids[rows, positions].to(lm.device)
        hidden = lm.hidden(batch)[rows, positions - 1]  # before the head, which ranks only share within a pass
        logits = lm.head(hidden)
        (nn.functional.cross_entropy(logits, targets, reduction="sum") / total).backward()
