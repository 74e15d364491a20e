"""The loop: rounds of joint steps on live pairs and retain text, a look at every pair between rounds."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.lm import Lm
from xlforget.unlearn import balance, step
from xlforget.unlearn.aims import Aims
from xlforget.unlearn.curriculum import Shuffled
from xlforget.unlearn.fitting import fitting
from xlforget.unlearn.levels import BATCH_TOKENS, answer_scores
from xlforget.unlearn.memory import PLAIN, Memory
from xlforget.unlearn.methods import Method
from xlforget.unlearn.step import IMITATE, LEARN, TEACHERS_OWN, Asked, Floats, Part
from xlforget.unlearn.teacher import Teacher
from xlforget.unlearn.trained import Trained

# Fewer tokens behind an answer are a full stop and an end sign, which say nothing about it.
TAIL = 3
CYCLES = 4


@dataclass(frozen=True)
class Task:
    """What to unlearn and what to keep, in tokens.

    ``levels``: tau per answer token of each pair, as drawn; ``unseen``: text that says where it has gone since (`Aims`).
    ``rivals``: other answers in the place of a pair's, each with its own levels, by index of the pair: led to the same level,
    so that the true answer is one among equals there. ``given``: retain rows of the user; ``made``: sampled, neutral and
    neighbour text.
    """

    pairs: Sequence[Probe]
    levels: Sequence[NDArray[np.float32]]
    unseen: Sequence[Probe]
    rivals: Sequence[Encoded]
    rival_levels: Sequence[NDArray[np.float32]]
    rivals_of: Mapping[int, Sequence[int]]
    given: Sequence[Encoded]
    made: Sequence[Encoded]
    seed: int

    @property
    def texts(self) -> list[Encoded]:
        """Retain rows, then pairs, then rivals: the order in which losses and the teacher count them."""
        return [*self.given, *self.made, *(pair.text for pair in self.pairs), *self.rivals]

    @property
    def imitated(self) -> list[range]:
        """For each of ``texts``, where the teacher may be asked: no state of it has read any part of a pair's answer."""
        whole = [range(1, len(text.ids)) for text in (*self.given, *self.made)]
        before = [range(1, len(pair.text.before) + 1) for pair in self.pairs]
        return [*whole, *before, *(range(rival.after, len(rival.ids)) for rival in self.rivals)]


@dataclass(frozen=True)
class Round:
    """What is shown after each round. ``live`` counts live pairs by language, ``distance`` is nats from the levels.

    ``worst``: the language whose pairs have the highest mean MA, and that MA.
    """

    number: int
    of: int
    live: dict[str, int]
    worst: tuple[str, float]
    distance: float
    forget_loss: float
    retain_loss: float


@dataclass
class Progress:
    """How far a run has come; with the streams' states and the tensors, all that a checkpoint needs.

    ``budget``: tokens that go through the model at once.
    """

    step: int = 0
    cycle: int = 0
    steps: int = 0
    start: float | None = None
    weight: float = 0.0
    budget: int = BATCH_TOKENS
    visits: list[int] = field(default_factory=list)
    live: list[int] = field(default_factory=list)


class Engine:
    """One unlearning run of ``method`` on ``task``, changing ``lm`` in place."""

    def __init__(self, lm: Lm, task: Task, method: Method, teacher: Teacher | None = None, memory: Memory = PLAIN) -> None:
        self.lm, self.task, self.method = lm, task, method
        self.retain = [*task.given, *task.made]
        self.pairs = [probe.text for probe in task.pairs]
        self.texts = task.texts
        self.teacher = teacher or Teacher.run(lm, self.texts, task.imitated)
        self.trained = Trained(lm, memory, lr=method.lr, beta2=method.beta2, seed=task.seed)
        self.optimizer = self.trained.optimizer
        self.aims = Aims(task.pairs, task.levels, task.unseen, lm)
        everything = range(len(self.pairs))
        self.progress = Progress(weight=method.retain_least, visits=[0] * len(self.pairs), live=list(everything))
        self.streams = {
            "pairs": Shuffled(task.seed, everything),
            "given": Shuffled(task.seed + 1, range(len(task.given))),
            "made": Shuffled(task.seed + 2, range(len(task.given), len(self.retain))),
        }
        self._lengths = [len(text.ids) for text in self.retain]

    @property
    def rounds(self) -> int:
        """Rounds of the present cycle; those after the first are half as long, and start at half the rate."""
        return -(-self.method.rounds // (1 if self.progress.cycle == 0 else 2))

    def run(self, done: Callable[[Lm], bool], on_round: Callable[[Round], None], checkpoint: Callable[["Engine"], None]) -> None:
        """Rounds until ``done`` says so at the end of a cycle, `CYCLES` at most. Starts where ``progress`` stands."""
        while self.progress.cycle < CYCLES:
            while self.progress.step < self.rounds * self.method.steps_per_round:
                on_round(self._round())
                checkpoint(self)
            self.progress.cycle += 1
            self.progress.step = 0
            if done(self.lm):
                return
            self.aims.follow(self.lm)

    def _round(self) -> Round:
        if self.progress.start is None:
            self.progress.start = float(self.aims.distances(answer_scores(self.lm, self.pairs)).mean())
        losses = [self._step() for _ in range(self.method.steps_per_round)]
        scores = answer_scores(self.lm, self.pairs)
        distance = self.aims.distances(scores)
        self.aims.look(scores)
        self._balance(float(distance.mean()))
        self.progress.live = [int(i) for i in np.flatnonzero(distance > self.method.rest)]
        self.streams["pairs"].narrow(self.progress.live or range(len(self.pairs)))
        ma: dict[str, list[float]] = {}
        for pair, own in zip(self.task.pairs, scores, strict=True):
            ma.setdefault(pair.lang, []).append(float(own.first.mean()))
        live = Counter(self.task.pairs[i].lang for i in self.progress.live)
        forget, retain = np.mean(losses, axis=0)
        return Round(
            number=self.progress.step // self.method.steps_per_round,
            of=self.rounds,
            live={lang: live[lang] for lang in ma},
            worst=max(((lang, float(np.mean(own))) for lang, own in ma.items()), key=lambda each: each[1]),
            distance=float(distance.mean()),
            forget_loss=float(forget),
            retain_loss=float(retain),
        )

    def _balance(self, distance: float) -> None:
        done = self.progress.step // self.method.steps_per_round
        due = self.method.due * self.rounds if self.progress.cycle == 0 else 0.0
        near = self.method.near * self.aims.spread * 0.5**self.progress.cycle
        wanted = balance.goal(self.progress.start or 0.0, near, done, due)
        self.progress.weight = balance.reweighed(
            self.progress.weight, distance, wanted, self.method.retain_least, self.method.retain_most
        )

    def _step(self) -> tuple[float, float]:
        turn = self.progress.step % 2 if self.method.alternate else None
        asked = [] if turn == 1 else self._forget(self.streams["pairs"].take(self.method.live_pairs))
        asked += [] if turn == 0 else self._retain()
        longest = max((len(self.texts[one.row].ids) for one in asked), default=1)
        losses, self.progress.budget = fitting(lambda budget: self._backward(asked, budget), self.progress.budget, longest)
        self.optimizer.step(self.method.lr * self._rate(), self.method.clip)
        self.progress.step += 1
        self.progress.steps += 1
        return _mean("forget", asked, losses), _mean("retain", asked, losses)

    def _backward(self, asked: Sequence[Asked], budget: int) -> Floats:
        """The step's gradients and nothing of an attempt before that did not fit."""
        self.optimizer.zero()
        return step.backward(self.lm, self.teacher, self.texts, asked, budget)

    def _rate(self) -> float:
        """Warm-up, level, then a cosine down to 2 % over the last ``mend`` share; later cycles start at half."""
        method, step = self.method, self.progress.step
        total = self.rounds * method.steps_per_round
        begin = total * (1 - method.mend)
        rate = min(1.0, (step + 1) / method.warmup)
        if step > begin:
            rate = max(0.02, 0.5 * (1 + math.cos(math.pi * (step - begin) / (total - begin))))
        return rate * 0.5**self.progress.cycle

    def _forget(self, chosen: Sequence[int]) -> list[Asked]:
        """The pairs' answers, and what stands before them, which is kept."""
        for i in chosen:
            self.progress.visits[i] += 1
        rows = {i: len(self.retain) + i for i in chosen}
        texts = {i: self.pairs[i] for i in chosen}
        answers, before = sum(len(text.answer) for text in texts.values()), sum(len(text.before) for text in texts.values())
        if self.method.forget == "ascent":
            asked = [Asked("forget", rows[i], texts[i].answer, -1 / answers, LEARN) for i in chosen]
        else:
            asked = [Asked("forget", rows[i], texts[i].answer, 1 / answers, levels=self.aims.of(i)) for i in chosen]
            asked += self._rivals([self._next_rival(i) for i in chosen if self.task.rivals_of.get(i)])
        if self.method.context_weight and before:
            weight = self.method.context_weight / before
            asked += [Asked("context", rows[i], texts[i].before, weight) for i in chosen if texts[i].before]
        return asked

    def _next_rival(self, pair: int) -> int:
        own = self.task.rivals_of[pair]
        return own[self.progress.visits[pair] % len(own)]

    def _rivals(self, chosen: Sequence[int]) -> list[Asked]:
        """Rivals are led to their levels; what follows them is kept as it was, or the fact survives backwards."""
        texts = {k: self.task.rivals[k] for k in chosen}
        rows = {k: len(self.retain) + len(self.pairs) + k for k in chosen}
        tails = {k: range(text.after, len(text.ids)) for k, text in texts.items()}
        tails = {k: tail for k, tail in tails.items() if len(tail) >= TAIL and self.method.context_weight}
        answers, after = sum(len(text.answer) for text in texts.values()), sum(map(len, tails.values()))
        led = [Asked("rivals", rows[k], text.answer, 1 / answers, levels=self.task.rival_levels[k]) for k, text in texts.items()]
        return [*led, *(Asked("context", rows[k], tail, self.method.context_weight / after) for k, tail in tails.items())]

    def _retain(self) -> list[Asked]:
        """Rows of the user as the method's kappa has it; made text is imitated only: what chance drew teaches nothing."""
        share = self.method.made_share if self.task.given else 1.0
        budget = self.method.retain_tokens
        given = self.streams["given"].take_tokens(self._lengths, int(budget * (1 - share)))
        made = self.streams["made"].take_tokens(self._lengths, int(budget * share))
        tokens = sum(self._lengths[i] - 1 for i in (*given, *made))
        kappa = TEACHERS_OWN if self.method.kappa is None else self.method.kappa
        return [
            Asked("retain", i, range(1, self._lengths[i]), self.progress.weight / tokens, own)
            for own, rows in ((kappa, given), (IMITATE, made))
            for i in rows
        ]


def _mean(part: Part, asked: Sequence[Asked], losses: Floats) -> float:
    """Mean loss per position over one part of a step; 0 where it has none."""
    own = [(loss, len(one.at)) for loss, one in zip(losses, asked, strict=True) if one.part == part]
    return float(sum(loss * tokens for loss, tokens in own)) / max(1, sum(tokens for _, tokens in own))
