"""What a run would take, before it is run: its memory by shape, its time by trying each of its parts once."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from tempfile import TemporaryFile
from typing import Any

import psutil
import torch

from xlforget.asked import Apply
from xlforget.corpus.encode import Encoded
from xlforget.corpus.samples import rows_at_once
from xlforget.errors import MachineError
from xlforget.measure import checking
from xlforget.measure import examine as measure
from xlforget.measure.gate import gate
from xlforget.measure.profiles import profile
from xlforget.measure.stop import StopRule, to_try
from xlforget.planning import Plan
from xlforget.unlearn.budget import Budget, estimate
from xlforget.unlearn.checkpoint import SHARE
from xlforget.unlearn.engine import CYCLES, Engine
from xlforget.unlearn.levels import answer_scores
from xlforget.unlearn.made import FEWEST, Made, longest_of, make
from xlforget.unlearn.told import Told
from xlforget.unlearn.unlearn import task_of, told_by

STEPS = 2
WRITTEN = 32 << 20  # bytes, to see how fast the disk is


@dataclass(frozen=True)
class Tokens:
    """``facts``, ``retain``: of all texts given; ``forget_step``, ``retain_step``: of one step; ``cached``: of the teacher."""

    facts: int
    retain: int
    forget_step: int
    retain_step: int
    cached: int


@dataclass(frozen=True)
class Seconds:
    """Of one cycle and all that stands around it. A run has up to ``cycles``; those after the first are half as long, and take
    about three quarters of its time where they go on against facts that other text brings back."""

    sampling: float
    measuring: float
    training: float
    cycles: int = CYCLES

    @property
    def one_cycle(self) -> float:
        return self.sampling + self.measuring + self.training


@dataclass(frozen=True)
class Rehearsal:
    """``free``: bytes that the device has for a run. ``seconds`` None: not tried, since a step would not fit."""

    facts: int
    pairs: int
    tokens: Tokens
    memory: Budget
    free: int
    seconds: Seconds | None

    def to_json(self) -> dict[str, Any]:
        seconds = asdict(self.seconds) | {"one_cycle": self.seconds.one_cycle} if self.seconds else None
        return asdict(self) | {"memory": asdict(self.memory) | {"peak": self.memory.peak}, "seconds": seconds}


def rehearse(asked: Apply, plan: Plan) -> Rehearsal:
    """Trains ``plan``'s model for some steps at a rate of 0; nothing of it stays."""
    clock = _Clock()
    with clock("sampling"):
        made = _made(asked, plan)
    batches, told = _batches(asked, plan, made), told_by(plan.corpus, made, asked.method)
    tokens = _counted(asked, plan, made, batches, _forgotten(plan, *told))
    budget = min(plan.base.lm.trained_tokens, tokens.forget_step + tokens.retain_step)
    memory = estimate(plan.base.lm, asked.memory, _texts(plan, made, told[0]), budget, tokens.cached, leans=_leans(asked, plan))
    free = _free(plan.base.lm.device) + memory.loaded
    seconds = _tried(asked, plan, made, clock) if memory.peak <= free else None
    if seconds:
        seconds = replace(seconds, sampling=seconds.sampling * batches)
    return Rehearsal(len(plan.request.facts), len(plan.parallel.usable()), tokens, memory, free, seconds)


def _made(asked: Apply, plan: Plan) -> Made:
    """As much text as the model gives at once."""
    count = min(_rows(plan), asked.samples)
    return make(
        plan.base.lm, plan.base.encoder, plan.corpus, plan.parallel.usable(), count, count * 2**20, asked.method.told, asked.seed,
        lambda done, total: None,
    )  # fmt: skip


def _leans(asked: Apply, plan: Plan) -> bool:
    """Whether steps may be taken where something was learned again: facts, or other text if the attack on itself shows them."""
    method = asked.method
    return method.hardened or (method.can_be_hardened and bool(to_try(plan.corpus, plan.policy, profile(asked.profile))))


def _rows(plan: Plan) -> int:
    return rows_at_once(plan.base.lm, longest_of(plan.corpus))


def _batches(asked: Apply, plan: Plan, made: Made) -> float:
    """How often a run draws as much; the last time it may be less."""
    corpus, method = plan.corpus, asked.method
    drawn = _count([*made.train, *made.held_out]) - _count([*corpus.neighbours, *corpus.neutral])
    enough = method.made_tokens(given=bool(corpus.retain))
    needed = max(-(-FEWEST // _rows(plan)), -(-enough // max(1, drawn)))
    return min(asked.samples / _rows(plan), needed)


def _counted(asked: Apply, plan: Plan, made: Made, batches: float, forgotten: float) -> Tokens:
    corpus, method = plan.corpus, asked.method
    pairs = [probe for probe in corpus.facts if probe.serves("train")]
    retain = _count(t.text for t in corpus.retain)
    rivals = _count(r for p in pairs for r in p.rivals)
    fixed = _count([*corpus.neighbours, *corpus.neutral])
    sampled = int((_count(made.train) - fixed) * batches)
    each = max((len(p.rivals) for p in pairs), default=0)
    share = min(1.0, method.live_pairs / max(1, len(pairs)))
    return Tokens(
        facts=_count(p.text for p in corpus.facts),
        retain=retain,
        forget_step=int((forgotten + rivals / max(1, each)) * share),
        retain_step=min(method.retain_tokens, retain + fixed + sampled),
        cached=sum(len(p.text.before) for p in pairs) + retain + fixed + sampled,
    )


def _forgotten(plan: Plan, told: Sequence[Told], turns: Mapping[int, Sequence[int]]) -> float:
    """Tokens of the pairs' texts that a step reads: their own, and at every second visit another that tells the fact, which the
    wordings of a pair mostly share then."""
    pairs = [probe for probe in plan.corpus.facts if probe.serves("train")]
    shared = {(pair.row, pair.lang): turns[i] for i, pair in enumerate(pairs) if i in turns}
    others = (sum(len(told[k].text.ids) for k in own) / len(own) for own in shared.values())
    return _count(pair.text for pair in pairs) + sum(others) / 2


def _texts(plan: Plan, made: Made, told: Sequence[Told]) -> list[Encoded]:
    pairs = [probe for probe in plan.corpus.facts if probe.serves("train")]
    own = [text for probe in pairs for text in (probe.text, *probe.rivals)]
    return [*own, *(one.text for one in told), *(t.text for t in plan.corpus.retain), *made.train]


def _tried(asked: Apply, plan: Plan, made: Made, clock: "_Clock") -> Seconds | None:
    """Each part of a run once, and a few steps; None where a step turns out not to fit."""
    lm, corpus, method = plan.base.lm, plan.corpus, asked.method
    with clock("measuring"):
        before = measure.examine(lm, corpus, corpus.controls["gate"])
        tested = profile(asked.profile)
        before = replace(before, attacked=measure.attacked(lm, corpus, tested))
        checks = checking.checks(before, before, corpus.groups, plan.policy)
        gate(checks, [], plan.policy, profile=tested.name, seed=asked.seed)
    stop = StopRule.of(lm, corpus, before, plan.policy, tested, ())
    with clock("stopping"):
        stop.reached(lm)
    with clock("trying"):
        if method.can_be_hardened:
            stop.comes_back(lm)
    with clock("beginning"):
        engine = Engine(lm, task_of(lm, corpus, made, method, asked.seed), replace(method, lr=0.0), memory=asked.memory)
    try:
        engine._step()  # the first makes room, which later ones find made
        with clock("steps"):
            for _ in range(STEPS):
                engine._step()
    except MachineError:
        return None
    with clock("rounds"):
        engine.aims.distances(answer_scores(lm, engine.pairs))
    spent = clock.seconds
    round_ = spent["rounds"] + method.steps_per_round * spent["steps"] / STEPS
    round_ += min(_written(asked, engine), round_ / SHARE)
    measuring = 2 * (spent["measuring"] + spent["stopping"]) + spent["trying"]
    return Seconds(spent["sampling"], measuring, spent["beginning"] + method.rounds * round_)


def _written(asked: Apply, engine: Engine) -> float:
    """Seconds that a checkpoint takes, from how long it takes to write a small part of one beside OUT."""
    size = sum(tensor.nbytes for own in engine.optimizer.state() for tensor in own.values())
    place = next(folder for folder in asked.out.absolute().parents if folder.is_dir())
    part = min(size, WRITTEN)
    with TemporaryFile(dir=place) as file:
        began = time.monotonic()
        file.write(bytes(part))
        return (time.monotonic() - began) * size / part


def _count(texts: Iterable[Encoded]) -> int:
    return sum(len(text.ids) for text in texts)


def _free(device: torch.device) -> int:
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else int(psutil.virtual_memory().available)


class _Clock:
    """Seconds by the name of what was done."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began
