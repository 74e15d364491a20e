"""The loop: rounds of joint steps on live pairs and retain text, a look at every pair between rounds."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from xlforget.lm import Lm
from xlforget.unlearn import balance, divided
from xlforget.unlearn.aims import Aims
from xlforget.unlearn.curriculum import Curriculum, Shuffled, curriculum
from xlforget.unlearn.fitting import fitting
from xlforget.unlearn.hardening import AgainstFacts, AgainstText
from xlforget.unlearn.levels import Scores, answer_scores
from xlforget.unlearn.memory import PLAIN, Memory
from xlforget.unlearn.methods import Method
from xlforget.unlearn.released import repeats
from xlforget.unlearn.steering import Layer, Steering
from xlforget.unlearn.step import Asked, Floats, Part
from xlforget.unlearn.task import Task
from xlforget.unlearn.teacher import Teacher
from xlforget.unlearn.terms import Terms
from xlforget.unlearn.trained import train

CYCLES = 4


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

    ``budget``: tokens that go through the model at once. ``against_text``: whether steps are also taken where other
    text was learned (`hardening`).
    """

    step: int = 0
    cycle: int = 0
    steps: int = 0
    start: float | None = None
    weight: float = 0.0
    budget: int = 0
    alpha: float | None = None
    against_text: bool = False
    visits: list[int] = field(default_factory=list)
    live: list[int] = field(default_factory=list)


class Engine:
    """One unlearning run of ``method`` on ``task``, changing ``lm`` in place."""

    def __init__(self, lm: Lm, task: Task, method: Method, teacher: Teacher | None = None, memory: Memory = PLAIN) -> None:
        self.lm, self.task, self.method = lm, task, method
        self.pairs = [probe.text for probe in task.pairs]
        self.texts = task.texts
        read = read_by(lm, method)
        self.teacher = teacher or divided.teach(read, self.texts, task.imitated)
        if method.retain == "released":
            self.teacher.confidence = repeats(self.teacher, task.given)
        self.steering = Steering(read, self.pairs, method.beta or 1.0, task.seed) if isinstance(read, Layer) else None
        self.trained = train(lm, memory, lr=method.lr, beta2=method.beta2, seed=task.seed)
        self.optimizer = self.trained.optimizer
        self.against_facts = AgainstFacts(task, self.optimizer) if method.hardened else None
        self.against_text = AgainstText(task, lm, self.optimizer)
        self.base = {name: own.detach().clone() for name, own in self.optimizer.masters.items()} if method.alphas else {}
        self.aims = Aims(task.pairs, task.levels, task.unseen, lm)
        self.terms = Terms(lm, task, method, self.aims)
        everything = range(len(self.pairs))
        self.progress = Progress(
            weight=method.retain_least, budget=lm.trained_tokens, visits=[0] * len(self.pairs), live=list(everything)
        )
        facts, langs = [pair.row for pair in task.pairs], [pair.lang for pair in task.pairs]
        self.curriculum = curriculum(method.sampling, task.seed, facts, langs)
        self.streams: dict[str, Curriculum | Shuffled] = {"pairs": self.curriculum, **self.terms.streams}

    @property
    def rounds(self) -> int:
        """Rounds of the present cycle; those after the first are half as long, and start at half the rate."""
        return -(-self.method.rounds // (1 if self.progress.cycle == 0 else 2))

    def run(
        self,
        done: Callable[[Lm], bool],
        on_round: Callable[[Round], None],
        checkpoint: Callable[["Engine"], None],
        comes_back: Callable[[Lm], bool] = lambda lm: False,
    ) -> None:
        """Rounds until ``done`` says so at the end of a cycle, `CYCLES` at most. Starts where ``progress`` stands.

        Where ``comes_back`` says that other text brings back the facts, it goes on against that.
        """
        while self.progress.cycle < CYCLES:
            while self.progress.step < self.rounds * self.method.steps_per_round:
                on_round(self._round())
                half = self.progress.step == self.rounds // 2 * self.method.steps_per_round
                if half and self.method.forget == "toward":
                    self.aims.follow(self.lm)
                checkpoint(self)
            self.progress.cycle += 1
            self.progress.step = 0
            if self._ends(done, comes_back):
                return
            self.aims.follow(self.lm)

    def _ends(self, done: Callable[[Lm], bool], comes_back: Callable[[Lm], bool]) -> bool:
        if self.method.alphas:
            return self._subtract(done)
        reached, last = done(self.lm), self.progress.cycle == CYCLES
        if last or not self.method.can_be_hardened or (self.progress.against_text and not reached):
            return reached  # whatever comes back
        with self.optimizer.aside():
            back = comes_back(self.lm)
        if not back:
            return reached
        self.progress.against_text = True
        return False

    def _subtract(self, done: Callable[[Lm], bool]) -> bool:
        """The base's weights less alpha times what was learned, for the first alpha at which the run may stop; if there is
        none, for that which brings the answers closest to their levels. The run ends here."""
        learned = {name: own.detach() - self.base[name] for name, own in self.optimizer.masters.items()}
        far: dict[float, float] = {}
        for alpha in self.method.alphas:
            self._set(learned, alpha)
            if done(self.lm):
                return True
            far[alpha] = float(self.aims.distances(answer_scores(self.lm, self.pairs)).mean())
        self._set(learned, min(far, key=far.__getitem__))
        return True

    @torch.no_grad()
    def _set(self, learned: Mapping[str, Tensor], alpha: float) -> None:
        self.progress.alpha = alpha
        for name, master in self.optimizer.masters.items():
            master.copy_(self.base[name] - alpha * learned[name])
        self.optimizer.settle()

    def _round(self) -> Round:
        if self.progress.start is None:
            self.progress.start = float(self.aims.distances(answer_scores(self.lm, self.pairs)).mean())
        losses = [self._step() for _ in range(self.method.steps_per_round)]
        scores = answer_scores(self.lm, self.pairs)
        distance = self.aims.distances(scores)
        self.aims.look(scores)
        self._balance(float(distance.mean()))
        self.progress.live = self._live(scores, distance)
        self._look()
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

    def _live(self, scores: Sequence[Scores], distance: Floats) -> list[int]:
        """Pairs that are not where they are led; with a method that can only lead down, those that are still above it."""
        far = distance > self.method.rest
        if self.method.falls:
            far &= np.array([own.logp.mean() > self.aims.of(k).mean() for k, own in enumerate(scores)])
        return [int(i) for i in np.flatnonzero(far)]

    def _look(self) -> None:
        """Pairs that are live, or were never visited, come next; where there are none, all, if more of it does them good."""
        visits = self.progress.visits
        wanted = sorted({*self.progress.live, *(i for i, count in enumerate(visits) if not count)})
        self.curriculum.look(wanted or ([] if self.method.falls else range(len(visits))))

    def _balance(self, distance: float) -> None:
        done = self.progress.step // self.method.steps_per_round
        due = self.method.due * self.rounds if self.progress.cycle == 0 else 0.0
        # Against other text answers are led past their levels: to ask for ever less distance would only take from retain text.
        halved = 0 if self.progress.against_text else self.progress.cycle
        near = self.method.near * self.aims.spread * 0.5**halved
        wanted = balance.goal(self.progress.start or 0.0, near, done, due)
        self.progress.weight = balance.reweighed(
            self.progress.weight, distance, wanted, self.method.retain_least, self.method.retain_most
        )

    def _step(self) -> tuple[float, float]:
        turn = self.progress.step % 2 if self.method.alternate else None
        asked = [] if turn == 1 else self._forget()
        asked += [] if turn == 0 else self.terms.keep(self.progress.weight)
        losses = self._descend(asked) if asked else np.empty(0)
        self.progress.step += 1
        self.progress.steps += 1
        return _mean("forget", asked, losses), _mean("retain", asked, losses)

    def _descend(self, asked: Sequence[Asked]) -> Floats:
        """One step of the optimizer; returns the mean loss of each of ``asked``."""
        longest = max(len(self.texts[one.row].ids) for one in asked)
        losses, self.progress.budget = fitting(lambda budget: self._backward(asked, budget), self.progress.budget, longest)
        self.optimizer.step(self.method.lr * self._rate(), self.method.clip)
        return losses

    def _backward(self, asked: Sequence[Asked], budget: int) -> Floats:
        """The step's gradients and nothing of an attempt before that did not fit."""
        self.optimizer.zero()
        if self.steering:
            return self.steering.backward(self.teacher, self.texts, asked, budget)

        def backward(asked: Sequence[Asked]) -> Floats:
            return divided.backward(self.lm, self.teacher, self.texts, asked, budget)

        if self.progress.against_text and self.progress.step % 2:
            return self.against_text.backward(asked, self.progress.steps, backward)
        if self.against_facts:
            self.against_facts.add(asked, self.progress.steps, backward)
        return backward(asked)

    def _forget(self) -> list[Asked]:
        behind = self.progress.step / (self.rounds * self.method.steps_per_round)
        chosen = self.curriculum.take(self.method.live_pairs, behind)
        for i in chosen:
            self.progress.visits[i] += 1
        return self.terms.forget(chosen, self.progress.visits)

    def _rate(self) -> float:
        """Warm-up, level, then a cosine down to 2 % over the last ``mend`` share; later cycles start at half. Each stage of the
        curriculum has its own."""
        method, stages = self.method, self.curriculum.stages
        total = self.rounds * method.steps_per_round / stages
        step = self.progress.step % total
        begin = total * (1 - method.mend)
        rate = min(1.0, (step + 1) / method.warmup)
        if step > begin:
            rate = max(0.02, 0.5 * (1 + math.cos(math.pi * (step - begin) / (total - begin))))
        return rate * 0.5**self.progress.cycle


def read_by(lm: Lm, method: Method) -> Lm:
    """The model as the method reads it, its teacher too: up to a layer, where it works on activations."""
    return lm if method.layer is None else Layer(lm, method.layer)


def _mean(part: Part, asked: Sequence[Asked], losses: Floats) -> float:
    """Mean loss per position over one part of a step; 0 where it has none."""
    own = [(loss, len(one.at)) for loss, one in zip(losses, asked, strict=True) if one.part == part]
    return float(sum(loss * tokens for loss, tokens in own)) / max(1, sum(tokens for _, tokens in own))
