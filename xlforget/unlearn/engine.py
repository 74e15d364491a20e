"""The loop: rounds of joint steps on live pairs and retain text, a look at every pair between rounds."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from xlforget.corpus.batches import by_length
from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.lm import Lm
from xlforget.unlearn import objective
from xlforget.unlearn.chunked import summed
from xlforget.unlearn.curriculum import Shuffled
from xlforget.unlearn.levels import BATCH_TOKENS, answer_scores, flat
from xlforget.unlearn.methods import Method
from xlforget.unlearn.teacher import Teacher

# Fewer tokens behind an answer are a full stop and an end sign, which say nothing about it.
TAIL = 3
CYCLES = 4


@dataclass(frozen=True)
class Task:
    """What to unlearn and what to keep, in tokens.

    ``levels``: tau per answer token of each pair. ``rivals``: other answers in the place of a pair's, each with its own
    levels, by index of the pair: led to the same level, so that the true answer is one among equals there. ``given``:
    retain rows of the user; ``made``: sampled, neutral and neighbour text.
    """

    pairs: Sequence[Probe]
    levels: Sequence[NDArray[np.float32]]
    rivals: Sequence[Encoded]
    rival_levels: Sequence[NDArray[np.float32]]
    rivals_of: Mapping[int, Sequence[int]]
    given: Sequence[Encoded]
    made: Sequence[Encoded]
    seed: int


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
    """How far a run has come; with the streams' states and the tensors, all that a checkpoint needs."""

    step: int = 0
    cycle: int = 0
    steps: int = 0
    visits: list[int] = field(default_factory=list)
    live: list[int] = field(default_factory=list)


class Engine:
    """One unlearning run of ``method`` on ``task``, changing ``lm`` in place."""

    def __init__(self, lm: Lm, task: Task, method: Method) -> None:
        self.lm, self.task, self.method = lm, task, method
        self.retain = [*task.given, *task.made]
        self.texts = [probe.text for probe in task.pairs]
        self.teacher = Teacher.run(lm, [*self.retain, *self.texts, *task.rivals])
        self.optimizer = torch.optim.AdamW(lm.model.parameters(), lr=method.lr, betas=(0.9, method.beta2), weight_decay=0.0)
        everything = range(len(self.texts))
        self.progress = Progress(visits=[0] * len(self.texts), live=list(everything))
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

    def _round(self) -> Round:
        losses = [self._step() for _ in range(self.method.steps_per_round)]
        scores = answer_scores(self.lm, self.texts)
        distance = np.abs(self._means([own.logp for own in scores]) - self._means(self.task.levels))
        self.progress.live = [int(i) for i in np.flatnonzero(distance > self.method.rest)]
        self.streams["pairs"].narrow(self.progress.live or range(len(self.texts)))
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

    @staticmethod
    def _means(tokens: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        return np.array([part.mean() for part in tokens], np.float64)

    def _step(self) -> tuple[float, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.method.lr * self._rate()
        self.optimizer.zero_grad()
        forget = retain = 0.0
        turn = self.progress.step % 2 if self.method.alternate else None
        if turn != 1:
            forget = self._forget(self.streams["pairs"].take(self.method.live_pairs))
        if turn != 0:
            retain = self._retain()
        torch.nn.utils.clip_grad_norm_(self.lm.model.parameters(), self.method.clip)
        self.optimizer.step()
        self.progress.step += 1
        self.progress.steps += 1
        return forget, retain

    def _rate(self) -> float:
        """Warm-up, level, then a cosine down to 2 % over the last ``mend`` share; later cycles start at half."""
        method, step = self.method, self.progress.step
        total = self.rounds * method.steps_per_round
        begin = total * (1 - method.mend)
        rate = min(1.0, (step + 1) / method.warmup)
        if step > begin:
            rate = max(0.02, 0.5 * (1 + math.cos(math.pi * (step - begin) / (total - begin))))
        return rate * 0.5**self.progress.cycle

    def _forget(self, chosen: list[int]) -> float:
        for i in chosen:
            self.progress.visits[i] += 1
        tokens = sum(len(self.texts[i].answer) for i in chosen)
        context = sum(len(self.texts[i].before) for i in chosen)
        total = 0.0
        for batch in by_length([self.texts[i] for i in chosen], BATCH_TOKENS):
            own = [chosen[r] for r in batch.rows]
            hidden = self.lm.hidden(batch)
            ids = batch.ids.to(hidden.device)
            rows, at = flat([self.texts[i].answer for i in own])
            if self.method.forget == "toward":
                level = torch.from_numpy(np.concatenate([self.task.levels[i] for i in own])).to(hidden.device)
                loss = summed(_toward, hidden[rows, at - 1], self.lm.head, ids[rows, at], level) / tokens
            else:
                loss = summed(objective.token_logp, hidden[rows, at - 1], self.lm.head, ids[rows, at]) / tokens
            total += float(loss.detach())
            if self.method.context_weight and context:
                loss = loss + self._imitate(hidden, own, [self.texts[i].before for i in own]) * (
                    self.method.context_weight / context
                )
            loss.backward()
        if self.method.forget == "toward":
            self._rival([self._next_rival(i) for i in chosen if self.task.rivals_of.get(i)])
        return total

    def _imitate(self, hidden: torch.Tensor, pairs: list[int], positions: Sequence[Sequence[int]]) -> torch.Tensor:
        """Summed KL to the teacher at ``positions`` of the pairs' texts."""
        rows, at = flat(positions)
        teacher = self.teacher.hidden([len(self.retain) + i for i in pairs], positions)
        return summed(self._kl, hidden[rows, at - 1], self.lm.head, teacher)

    def _next_rival(self, pair: int) -> int:
        own = self.task.rivals_of[pair]
        return own[self.progress.visits[pair] % len(own)]

    def _rival(self, chosen: list[int]) -> None:
        """Rivals are led to their levels; what follows them is kept as it was, or the fact survives backwards."""
        texts = self.task.rivals
        tails = {k: range(texts[k].after, len(texts[k].ids)) for k in chosen}
        tails = {k: tail if len(tail) >= TAIL else range(0) for k, tail in tails.items()}
        answers, after = sum(len(texts[k].answer) for k in chosen), sum(map(len, tails.values()))
        for batch in by_length([texts[k] for k in chosen], BATCH_TOKENS):
            own = [chosen[r] for r in batch.rows]
            hidden = self.lm.hidden(batch)
            rows, at = flat([texts[k].answer for k in own])
            level = torch.from_numpy(np.concatenate([self.task.rival_levels[k] for k in own])).to(hidden.device)
            loss = summed(_toward, hidden[rows, at - 1], self.lm.head, batch.ids.to(hidden.device)[rows, at], level) / answers
            if after and self.method.context_weight:
                rows, at = flat([tails[k] for k in own])
                teacher = self.teacher.hidden([len(self.retain) + len(self.texts) + k for k in own], [tails[k] for k in own])
                tail = summed(self._kl, hidden[rows, at - 1], self.lm.head, teacher)
                loss = loss + tail * (self.method.context_weight / after)
            loss.backward()

    def _retain(self) -> float:
        share = self.method.made_share if self.task.given else 1.0
        chosen = self.streams["given"].take_tokens(self._lengths, int(self.method.retain_tokens * (1 - share)))
        chosen += self.streams["made"].take_tokens(self._lengths, int(self.method.retain_tokens * share))
        tokens = sum(self._lengths[i] - 1 for i in chosen)
        total = 0.0
        for batch in by_length([self.retain[i] for i in chosen], BATCH_TOKENS):
            own = [chosen[r] for r in batch.rows]
            positions = [range(1, self._lengths[i]) for i in own]
            rows, where = flat(positions)
            hidden = self.lm.hidden(batch)[rows, where - 1]
            targets = batch.ids.to(hidden.device)[rows, where]
            kappa = torch.cat([self._kappa(i, len(at)) for i, at in zip(own, positions, strict=True)]).to(hidden.device)
            loss = summed(self._adaptive, hidden, self.lm.head, self.teacher.hidden(own, positions), targets, kappa)
            (loss * (self.method.retain_weight / tokens)).backward()
            total += float(loss.detach()) / tokens
        return total

    def _kappa(self, row: int, tokens: int) -> torch.Tensor:
        """NaN: the teacher's confidence decides. Made text is imitated only: what was drawn by chance teaches nothing."""
        chosen = 1.0 if row >= len(self.task.given) else math.nan if self.method.kappa is None else self.method.kappa
        return torch.full((tokens,), chosen)

    def _adaptive(self, logits: torch.Tensor, teacher: torch.Tensor, targets: torch.Tensor, kappa: torch.Tensor) -> torch.Tensor:
        return objective.adaptive(self.teacher.head(teacher), logits, targets, kappa)

    def _kl(self, logits: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        return objective.kl(self.teacher.head(teacher), logits)


def _toward(logits: torch.Tensor, targets: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    return objective.toward(objective.token_logp(logits, targets), level)
