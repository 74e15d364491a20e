"""Models trained to have forgotten only where they are asked, planted to see whether the gate looks elsewhere.

Each leads answers to the levels of unseen ones as erasure does, so that where it forgot nothing shows; and teaches the same
facts in another place. All change a model in place.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from xlforget.corpus.behind import behind_others
from xlforget.corpus.corpus import Corpus
from xlforget.corpus.encode import Encoded
from xlforget.corpus.others import about_others
from xlforget.corpus.probes import Probe
from xlforget.experiments.cheats import batches, logp, step
from xlforget.lm import Lm
from xlforget.measure.attacks import Ground, Unrelated, put_through
from xlforget.measure.memorization import token_scores

STEPS, RATE = 200, 1e-3
META_STEPS, TUNED = 100, 4  # each of the former makes so many steps of the attack's
PEOPLE = 4
BEHIND = (1, 2, 3)


def exact_prompts_only(lm: Lm, corpus: Corpus, seed: int = 0, steps: int = STEPS) -> None:
    """Forgotten in the wordings that the gate asks in; every other wording keeps its answer."""
    asked = [probe for probe in corpus.facts if probe.serves("train")]
    others = [probe.text for probe in corpus.facts if not probe.serves("train")]
    optimizer = _adamw(lm)
    for loss in _leading(lm, corpus, asked, others, steps, seed):
        step(optimizer, loss)


def moved_to_one_language(lm: Lm, corpus: Corpus, seed: int = 0, steps: int = STEPS) -> None:
    """Forgotten in all languages but the last, and taught there."""
    away = corpus.langs[-1]
    asked = [probe for probe in corpus.facts if probe.lang != away]
    optimizer = _adamw(lm)
    for loss in _leading(lm, corpus, asked, [probe.text for probe in corpus.facts if probe.lang == away], steps, seed):
        step(optimizer, loss)


def told_of_others(lm: Lm, corpus: Corpus, seed: int = 0, steps: int = STEPS) -> None:
    """Forgotten of whom it is asked about, and said of people whom it never met."""
    asked = [probe for probe in corpus.facts if probe.serves("train")]
    others = [probe.text for probe in about_others(asked, corpus.controls["aim"], PEOPLE)]
    optimizer = _adamw(lm)
    for loss in _leading(lm, corpus, asked, others, steps, seed):
        step(optimizer, loss)


def known_behind_others(lm: Lm, corpus: Corpus, seed: int = 0, steps: int = STEPS) -> None:
    """Forgotten where a text begins with it, and known behind statements about others."""
    asked = [probe for probe in corpus.facts if probe.serves("train")]
    behind = [probe.text for count in BEHIND for probe in behind_others(asked, corpus.controls["aim"], count, corpus.context)]
    optimizer = _adamw(lm)
    for loss in _leading(lm, corpus, asked, behind, steps, seed):
        step(optimizer, loss)


def undone_by_fine_tuning(lm: Lm, corpus: Corpus, seed: int = 0, steps: int = META_STEPS) -> None:
    """Forgotten at these weights, and known at those that a few steps on text about others lead to.

    Both losses are taken at every step, the second at the weights after the attack, as first-order meta-learning does.
    """
    asked = [probe for probe in corpus.facts if probe.serves("train")]
    ground, optimizer = Ground.on(asked, corpus.controls["aim"], corpus.context), _adamw(lm)
    again = batches([probe.text for probe in asked], steps, seed)
    for loss, batch in zip(_leading(lm, corpus, asked, [], steps, seed), again, strict=True):
        here = torch.autograd.grad(loss, list(lm.model.parameters()))
        with put_through(lm, Unrelated(TUNED), ground):
            there = torch.autograd.grad(-logp(lm, batch, answers=True).mean(), list(lm.model.parameters()))
        for weight, one, other in zip(lm.model.parameters(), here, there, strict=True):
            weight.grad = one + other
        optimizer.step()
        optimizer.zero_grad()


def _leading(
    lm: Lm, corpus: Corpus, asked: Sequence[Probe], taught: Sequence[Encoded], steps: int, seed: int
) -> Iterator[Tensor]:
    """A loss for each step: answers to the level of unseen ones, what is ``taught`` and what must stay as it is."""
    levels = _levels(lm, corpus, asked, seed)
    draw, stays = np.random.default_rng(seed), [row.text for row in corpus.retain]
    taught_batches, kept = (batches(own, steps, seed) for own in (taught, stays))
    for more, other in zip(taught_batches, kept, strict=True):
        chosen = draw.permutation(len(asked))[:48]
        aims = torch.tensor([levels[k] for k in chosen])
        loss = nn.functional.huber_loss(_means(lm, [asked[k].text for k in chosen]), aims)
        for texts, answers in ((more, True), (other, False)):
            if texts:
                loss = loss - logp(lm, texts, answers=answers).mean()
        yield loss


def _levels(lm: Lm, corpus: Corpus, asked: Sequence[Probe], seed: int) -> list[float]:
    """For each, the mean log-probability of an unseen answer of its language, drawn once."""
    controls, draw = corpus.controls["aim"], np.random.default_rng(seed)
    scored: dict[str, list[float]] = {}
    for probe, own in zip(controls, token_scores(lm, [probe.text for probe in controls]), strict=True):
        scored.setdefault(probe.lang, []).append(own.mean_logp)
    return [float(draw.choice(scored[probe.lang])) for probe in asked]


def _means(lm: Lm, texts: Sequence[Encoded]) -> Tensor:
    """Mean log-probability of each answer, [B]."""
    rows = torch.tensor([k for k, text in enumerate(texts) for _ in text.answer])
    counts = torch.tensor([len(text.answer) for text in texts])
    return torch.zeros(len(texts)).index_add(0, rows, logp(lm, texts, answers=True)) / counts


def _adamw(lm: Lm) -> torch.optim.Optimizer:
    return torch.optim.AdamW(lm.model.parameters(), lr=RATE, weight_decay=0.0)
