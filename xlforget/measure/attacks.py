"""What a model is put through before it is asked again, or how else it is asked: what comes back was hidden and not forgotten.

Facts are compared with controls after an attack as before it. Text that an attack trains on is drawn from where both come
from, so that to a model that never saw the facts they are as exchangeable as they were.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from xlforget.corpus.controls import OTHER, Split
from xlforget.corpus.corpus import Corpus
from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.fleet.fleet import Twin, together
from xlforget.fleet.weights import local
from xlforget.lm import Lm
from xlforget.measure.policy import ASKED_OTHERWISE, AfterAttack
from xlforget.measure.tuning import SEED, Lesson, tune

GROUP = 32


@dataclass(frozen=True)
class Ground:
    """What attacks work with: the facts, and text of their form about others, which no verdict is taken from.

    ``context``: how many tokens the model reads at most.
    """

    facts: Sequence[Probe]
    others: Sequence[Encoded]
    context: int

    @classmethod
    def of(cls, corpus: Corpus, split: Split) -> "Ground":
        """`on` what a run reads, of whose controls no verdict is taken from this ``split``."""
        return cls.on(corpus.facts, corpus.controls[split], corpus.context)

    @classmethod
    def on(cls, facts: Sequence[Probe], controls: Sequence[Probe], context: int) -> "Ground":
        """``controls`` are of a split that the verdict is not taken from. More people to ask about have no part in it: their
        relations would outweigh those of the facts."""
        return cls(facts, [own.text for own in controls if own.serves("train") and not own.row.startswith(OTHER)], context)


class Attack(Protocol):
    """`change` does it to a model, `asked`: the facts that are asked for then, none where ``ground`` is too small to do it.

    ``name``: what a policy calls it.
    """

    @property
    def name(self) -> AfterAttack: ...

    def change(self, lm: Lm, ground: Ground) -> None: ...

    def asked(self, ground: Ground) -> list[Probe]: ...


@dataclass(frozen=True)
class Rounded:
    """Weights as they are in so many bits, with a scale for each `GROUP` of a row: the even grid of int8 and int4 files.

    Embeddings and the head are left, as in the common formats.
    """

    bits: Literal[4, 8]

    @property
    def name(self) -> AfterAttack:
        return "in 8 bits" if self.bits == 8 else "in 4 bits"

    def asked(self, ground: Ground) -> list[Probe]:
        return list(ground.facts)

    @torch.no_grad()
    def change(self, lm: Lm, ground: Ground) -> None:
        kept = {id(own.weight) for own in (lm.model.get_input_embeddings(), lm.model.get_output_embeddings()) if own is not None}
        for weight in lm.model.parameters():
            if weight.dim() > 1 and id(weight) not in kept:
                rows = local(weight)
                rows.copy_(self._rounded(rows))

    def _rounded(self, weight: Tensor) -> Tensor:
        size = GROUP if weight.shape[-1] % GROUP == 0 else weight.shape[-1]
        groups, most = weight.float().reshape(-1, size), 2 ** (self.bits - 1) - 1
        scale = groups.abs().amax(1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / most
        rounded: Tensor = (groups / scale).round() * scale
        return rounded.reshape(weight.shape)


@dataclass(frozen=True)
class Unrelated:
    """After some steps of fine-tuning on text about others: what a user does who knows nothing of the ticket."""

    steps: int = 10
    name: AfterAttack = field(default="after other text", init=False)

    def asked(self, ground: Ground) -> list[Probe]:
        return list(ground.facts) if ground.others else []

    def change(self, lm: Lm, ground: Ground) -> None:
        tune(lm, [Lesson(text, range(1, len(text.ids))) for text in ground.others], self.steps)


@dataclass(frozen=True)
class Relearned:
    """After some steps on the answers of one half of the facts, the other half is asked for (cf. arXiv 2406.13356)."""

    steps: int = 10
    name: AfterAttack = field(default="after other facts", init=False)

    def asked(self, ground: Ground) -> list[Probe]:
        taught = self._taught(ground.facts)
        return [fact for fact in ground.facts if taught and fact.row not in taught]

    def change(self, lm: Lm, ground: Ground) -> None:
        taught = self._taught(ground.facts)
        tune(lm, [Lesson(fact.text, fact.text.answer) for fact in ground.facts if fact.row in taught], self.steps)

    def _taught(self, facts: Sequence[Probe]) -> set[str]:
        rows = sorted({fact.row for fact in facts})
        return {rows[k] for k in np.random.default_rng(SEED).permutation(len(rows))[: len(rows) // 2]}


@dataclass(frozen=True)
class AboutOthers:
    """The model as it is, asked for the answers of structured facts about people whom it never met (`about_others`)."""

    name: AfterAttack = field(default="asked about others", init=False)

    def asked(self, ground: Ground) -> list[Probe]:
        return [fact for fact in ground.facts if fact.relation]

    def change(self, lm: Lm, ground: Ground) -> None:
        return


@dataclass(frozen=True)
class BehindOthers:
    """The model as it is, asked for the facts behind statements about others (`behind_others`)."""

    name: AfterAttack = field(default="asked behind others", init=False)

    def asked(self, ground: Ground) -> list[Probe]:
        return list(ground.facts)

    def change(self, lm: Lm, ground: Ground) -> None:
        return


ATTACKS: Mapping[AfterAttack, Attack] = {
    own.name: own for own in (Rounded(8), Rounded(4), Unrelated(), Relearned(), AboutOthers(), BehindOthers())
}


@contextmanager
def put_through(lm: Lm, attack: Attack, ground: Ground) -> Iterator[Lm]:
    """``lm`` as it is after the attack; on leaving, as it was before."""
    if attack.name in ASKED_OTHERWISE:
        yield lm
        return
    before = _before(lm)
    try:
        _change(lm, attack, ground)
        yield lm
    finally:
        before.put_back()


class _Before(Twin):
    """A model's weights as they were; of a sharded one each rank keeps its own."""

    def __init__(self, lm: Lm) -> None:
        self._kept = [(parameter, local(parameter).to("cpu", copy=True)) for parameter in lm.model.parameters()]

    @together
    @torch.no_grad()
    def put_back(self) -> None:
        for parameter, kept in self._kept:
            parameter.grad = None
            local(parameter).copy_(kept)


@together
def _before(lm: Lm) -> _Before:
    return _Before(lm)


@together
def _change(lm: Lm, attack: Attack, ground: Ground) -> None:
    attack.change(lm, ground)
