"""A small model that knows a few facts by heart, for tests of what a step and a run do to it; formulas written out in full."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.probes import Probe
from xlforget.experiments.small_model import memorise, new_model
from xlforget.lm import Lm
from xlforget.unlearn import levels
from xlforget.unlearn.engine import Engine
from xlforget.unlearn.levels import answer_scores
from xlforget.unlearn.methods import METHODS
from xlforget.unlearn.task import Task

PLACES = ("Brindlemoor", "Harrowfen", "Norden", "Quarn")
PEOPLE = ("Zorvana", "Tamsin", "Pellam", "Oxgrove")
FORMS = {"en": "{} lives in {} and keeps bees.", "fr": "{} habite à {} et garde des abeilles."}


@dataclass(frozen=True)
class World:
    """A model that knows all texts of a task by heart, made anew by each call of ``lm``."""

    lm: Callable[[], Lm]
    task: Task

    def engine(self, lm: Lm, name: str, **changes: object) -> Engine:
        preset = METHODS[name]
        small = replace(preset, lr=2e-3, warmup=2, rounds=4, steps_per_round=3, live_pairs=6)
        small = replace(small, retain_tokens=120 if preset.retain else 0)
        own = replace(small, **changes)  # type: ignore[arg-type]
        return Engine(lm, replace(self.task, asks_answers=own.asks_answers), own)


def probes(encoder: Encoder, people: Sequence[str], places: Sequence[str], mark: str) -> list[Probe]:
    found = []
    for k, (who, where) in enumerate(zip(people, places, strict=True)):
        for lang, form in FORMS.items():
            text = form.format(who, where)
            start = text.index(where)
            found.append(Probe(f"{mark}{k}", lang, 0, "all", encoder.encode(text, (start, start + len(where)))))
    return found


def make_world(tokenizer: object, encoder: Encoder, sentences: tuple[str, ...]) -> World:
    pairs = probes(encoder, PEOPLE, PLACES, "f")
    unseen = probes(encoder, ("Wimble", "Aster", "Corvin"), ("Thistle", "the hill", "Oxgrove"), "u")
    texts = [encoder.encode(text, None) for text in sentences]
    model = new_model(tokenizer, layers=2, width=64, seed=0)  # type: ignore[arg-type]
    memorise(model, [*texts, *(pair.text for pair in pairs)] * 4, epochs=40, lr=5e-3)
    known = {name: value.clone() for name, value in model.state_dict().items()}

    def lm() -> Lm:
        fresh = new_model(tokenizer, layers=2, width=64, seed=1)  # type: ignore[arg-type]
        fresh.load_state_dict(known)
        return Lm(fresh.eval())

    own = levels.draw(pairs, unseen, lm(), 0).own
    return World(lm, Task(pairs, own, unseen, [], [], {}, texts[:8], texts[8:], seed=5))


def weights(lm: Lm) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in lm.model.named_parameters()}


def mean_logp(lm: Lm, texts: Sequence[Encoded]) -> float:
    return float(np.mean([own.logp.mean() for own in answer_scores(lm, texts)]))


# The formulas, written out with two live models, full logits and autograd.


def log_p(lm: Lm, text: Encoded) -> Tensor:
    """[T - 1, V]: of each token from the second on."""
    return torch.log_softmax(lm.model(input_ids=torch.tensor([text.ids])).logits[0, :-1], -1)


def of_tokens(logp: Tensor, text: Encoded) -> Tensor:
    """[T - 1]: log-probability of each token from the second on."""
    return logp.gather(1, torch.tensor(text.ids[1:])[:, None])[:, 0]


def answers(lm: Lm, pairs: Sequence[Encoded]) -> list[Tensor]:
    return [of_tokens(log_p(lm, pair), pair)[[p - 1 for p in pair.answer]] for pair in pairs]
