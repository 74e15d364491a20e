"""The ways of `bench speed` to take a step's gradients; all read the same texts with the same model and optimizer."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import LlamaForCausalLM

from xlforget.corpus.batches import by_length, pad
from xlforget.corpus.encode import Encoded
from xlforget.experiments.shapes import Shape
from xlforget.lm import Lm
from xlforget.unlearn import step
from xlforget.unlearn.lora import Adapters
from xlforget.unlearn.memory import PLAIN
from xlforget.unlearn.objective import DELTA
from xlforget.unlearn.precision import chosen
from xlforget.unlearn.recompute import recompute
from xlforget.unlearn.step import TEACHERS_OWN, Asked
from xlforget.unlearn.teacher import Teacher

ANSWER = 4
LEVEL = -9.0
Gradients = Callable[[], float | None]


@dataclass(frozen=True)
class Texts:
    """Of a step: ``retain`` rows to keep, ``pairs`` to erase, of ``lengths`` from least to most."""

    retain: int
    pairs: int
    lengths: tuple[int, int]


class Bed:
    """The random model, its texts and its optimizer; the same in every process."""

    def __init__(self, shape: Shape, texts: Texts, device: str) -> None:
        torch.manual_seed(0)
        rng = np.random.default_rng(0)
        where = torch.device(device)
        with where:
            self.model: Any = LlamaForCausalLM(shape.config(texts.lengths[1])).eval()
        self.model.to(chosen("auto", where))
        if shape.rank:  # as --lora --checkpointing has it
            Adapters(Lm(self.model), shape.rank, PLAIN.lora_alpha, seed=0)
            recompute(self.model)
        lengths = rng.integers(texts.lengths[0], texts.lengths[1] + 1, texts.retain + texts.pairs)
        ids = [tuple(int(i) for i in rng.integers(0, shape.vocabulary, n)) for n in lengths]
        self.texts = [
            Encoded(own, tuple(range(1 if k < texts.retain else len(own) - ANSWER, len(own)))) for k, own in enumerate(ids)
        ]
        self.asked = [one for row, text in enumerate(self.texts) for one in _asked(row, text, kept=row < texts.retain)]
        self.optimizer = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad], lr=1e-5, fused=True)

    def update(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def batches(self) -> list[tuple[Tensor, Tensor]]:
        lm = Lm(self.model)
        return [(b.ids.to(lm.device), b.attention.to(lm.device)) for b in by_length(self.texts, lm.trained_tokens)]


def _asked(row: int, text: Encoded, *, kept: bool) -> list[Asked]:
    """Retain text by the teacher's confidence; answers to a level, what stands before them as the teacher had it."""
    if kept:
        return [Asked("retain", row, text.answer, 0.01, TEACHERS_OWN)]
    levels = np.full(len(text.answer), LEVEL, np.float32)
    return [Asked("forget", row, text.answer, 0.01, levels=levels), Asked("context", row, text.before, 0.01)]


def _plain(bed: Bed) -> Gradients:
    """Fine-tuning on these texts as transformers does it."""
    batches = bed.batches()

    def gradients() -> None:
        for ids, attention in batches:
            labels = ids.masked_fill(attention == 0, -100)
            bed.model(input_ids=ids, attention_mask=attention, labels=labels, use_cache=False).loss.backward()

    return gradients


def _floor(bed: Bed) -> Gradients:
    """The plain step and one product with a frozen head for every token at which the teacher is imitated."""
    plain, head = _plain(bed), bed.model.lm_head.weight.detach().clone()
    at_once = Lm(bed.model).head.positions(head.shape[1])
    tokens = sum(len(one.at) for one in bed.asked if one.imitates)
    states = torch.randn(tokens, head.shape[1], device=head.device, dtype=head.dtype)

    def gradients() -> None:
        plain()
        with torch.inference_mode():
            for part in states.split(at_once):
                part @ head.T

    return gradients


def _ours(bed: Bed) -> Gradients:
    lm = Lm(bed.model)
    teacher = Teacher.run(lm, bed.texts)

    def gradients() -> float:
        means = step.backward(lm, teacher, bed.texts, bed.asked)
        return float(sum(mean * len(one.at) * one.weight for mean, one in zip(means, bed.asked, strict=True)))

    return gradients


def _naive(bed: Bed) -> Gradients:
    """Two live models, full logits of every padded position from both."""
    teacher = copy.deepcopy(bed.model)
    batch = pad(bed.texts, range(len(bed.texts)))
    ids, attention = batch.ids.to(bed.model.device), batch.attention.to(bed.model.device)

    def logp(model: Any) -> Tensor:
        return torch.log_softmax(model(input_ids=ids, attention_mask=attention, use_cache=False).logits[:, :-1].float(), -1)

    def gradients() -> float:
        with torch.no_grad():
            p = logp(teacher)
        q = logp(bed.model)
        targets = ids[:, 1:, None]
        own, kappa = q.gather(2, targets)[..., 0], p.gather(2, targets)[..., 0].exp()
        divergence = (p.exp() * (p - q)).sum(-1)
        loss = torch.stack([_naive_loss(one, own, kappa, divergence) for one in bed.asked]).sum()
        loss.backward()
        return float(loss.detach())

    return gradients


def _naive_loss(one: Asked, logp: Tensor, kappa: Tensor, divergence: Tensor) -> Tensor:
    at = torch.tensor(list(one.at)) - 1
    own, far, sure = logp[one.row, at], divergence[one.row, at], kappa[one.row, at]
    if one.levels is not None:
        levels = torch.from_numpy(one.levels).to(own.device)
        return one.weight * F.huber_loss(own, levels, reduction="sum", delta=DELTA)
    sure = sure if np.isnan(one.kappa) else torch.full_like(sure, one.kappa)
    return one.weight * (sure * far - (1 - sure) * own).sum()


WAYS: dict[str, Callable[[Bed], Gradients]] = {"plain": _plain, "floor": _floor, "ours": _ours, "naive": _naive}
