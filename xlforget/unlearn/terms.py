"""The terms of a step's loss: the pairs' answers, their rivals, their context, and retain text, each as `Asked`."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xlforget.lm import Lm
from xlforget.unlearn.aims import Aims
from xlforget.unlearn.curriculum import Shuffled
from xlforget.unlearn.levels import answer_scores
from xlforget.unlearn.methods import Method
from xlforget.unlearn.step import IMITATE, LEARN, TEACHERS_OWN, Asked
from xlforget.unlearn.task import Task

# Fewer tokens behind an answer are a full stop and an end sign, which say nothing about it.
TAIL = 3


class Terms:
    """What ``method`` asks of ``lm`` for ``task``; ``streams`` say which retain text comes next.

    Made from the model as it was: preferences (NPO) are measured from what it scores now.
    """

    def __init__(self, lm: Lm, task: Task, method: Method, aims: Aims) -> None:
        self.lm, self.task, self.method, self.aims = lm, task, method, aims
        self.retain = [*task.given, *task.made]
        self.pairs = [probe.text for probe in task.pairs]
        self.streams = {
            "given": Shuffled(task.seed + 1, range(len(task.given))),
            "made": Shuffled(task.seed + 2, range(len(task.given), len(self.retain))),
        }
        self._lengths = [len(text.ids) for text in self.retain]
        self._before = self._summed(range(len(self.pairs))) if method.forget == "npo" else {}

    def forget(self, chosen: Sequence[int], visits: Sequence[int]) -> list[Asked]:
        """The pairs' answers, and what stands before them, which is kept. ``visits`` of each pair say whose turn of its rivals
        it is."""
        asked = [self._worded(one, i, visits[i]) for one, i in zip(self._answers(chosen), chosen, strict=True)]
        if self.method.forget == "toward":
            asked += self._rivals([self._next_rival(i, visits[i]) for i in chosen if self.task.rivals_of.get(i)])
        rows, texts = {i: len(self.retain) + i for i in chosen}, {i: self.pairs[i] for i in chosen}
        before = sum(len(text.before) for text in texts.values())
        if self.method.context_weight and before:
            weight = self.method.context_weight / before
            asked += [Asked("context", rows[i], texts[i].before, weight) for i in chosen if texts[i].before]
        return asked

    def _answers(self, chosen: Sequence[int]) -> list[Asked]:
        """What the method's forget term asks of the chosen pairs' answers."""
        one, beta = 1 / max(1, sum(len(self.pairs[i].answer) for i in chosen)), self.method.beta or 0.0
        asked = {i: Asked("forget", len(self.retain) + i, self.pairs[i].answer, one) for i in chosen}
        match self.method.forget:
            case "toward":
                changes: dict[int, dict[str, Any]] = {i: {"levels": self.aims.of(i)} for i in chosen}
            case "ascent":
                changes = {i: {"weight": -one, "kappa": LEARN} for i in chosen}
            case "npo" | "simnpo":
                slopes = self._slopes(chosen, beta)
                changes = {i: {"weight": -slope / len(chosen), "kappa": LEARN} for i, slope in slopes.items()}
            case "lower":
                changes = {i: {"lowered": beta} for i in chosen}
            case "learn" | "steer":
                changes = {i: {"kappa": LEARN} for i in chosen}
        return [replace(asked[i], **changes[i]) for i in chosen]

    def _worded(self, asked: Asked, pair: int, visits: int) -> Asked:
        """The same of another text that tells the fact, at every second visit of a pair that has some."""
        own = self.task.told_of.get(pair, ())
        if not own or visits % 2:
            return asked
        k = own[visits // 2 % len(own)]
        first = len(self.retain) + len(self.pairs) + len(self.task.rivals)
        return replace(asked, row=first + k, at=self.task.told[k].text.answer)

    def _slopes(self, chosen: Sequence[int], beta: float) -> dict[int, float]:
        """How fast the preference loss of each pair falls with the NLL of each of its tokens: 2 sigmoid(beta * advantage).

        The advantage: by how much the answer's log-probability is above that of the model as it was (NPO), or the mean over
        its tokens (SimNPO, whose loss has that mean in the place of the sum).
        """
        now = self._summed(chosen)
        tokens = {i: len(self.pairs[i].answer) if self.method.forget == "simnpo" else 1 for i in chosen}
        above = {i: now[i] / tokens[i] - self._before.get(i, 0.0) for i in chosen}
        return {i: 2 / (1 + math.exp(-beta * own)) / tokens[i] for i, own in above.items()}

    def _summed(self, chosen: Sequence[int]) -> dict[int, float]:
        """Log-probability of the pairs' answers, without gradients."""
        scores = answer_scores(self.lm, [self.pairs[i] for i in chosen])
        return {i: float(own.logp.sum(dtype=np.float64)) for i, own in zip(chosen, scores, strict=True)}

    def _next_rival(self, pair: int, visits: int) -> int:
        own = self.task.rivals_of[pair]
        return own[visits % len(own)]

    def _rivals(self, chosen: Sequence[int]) -> list[Asked]:
        """Rivals are led to their levels; what follows them is kept as it was, or the fact survives backwards."""
        texts = {k: self.task.rivals[k] for k in chosen}
        rows = {k: len(self.retain) + len(self.pairs) + k for k in chosen}
        tails = {k: range(text.after, len(text.ids)) for k, text in texts.items()}
        tails = {k: tail for k, tail in tails.items() if len(tail) >= TAIL and self.method.context_weight}
        answers, after = sum(len(text.answer) for text in texts.values()), sum(map(len, tails.values()))
        led = [Asked("rivals", rows[k], text.answer, 1 / answers, levels=self.task.rival_levels[k]) for k, text in texts.items()]
        return [*led, *(Asked("context", rows[k], tail, self.method.context_weight / after) for k, tail in tails.items())]

    def keep(self, weight: float) -> list[Asked]:
        """Retain text, which weighs ``weight`` in all. Rows of the user as the method's kappa has it; made text is imitated only:
        what chance drew teaches nothing."""
        share = self.method.made_share if self.task.given else 1.0
        budget = self.method.retain_tokens
        given = self.streams["given"].take_tokens(self._lengths, int(budget * (1 - share)))
        made = self.streams["made"].take_tokens(self._lengths, int(budget * share))
        tokens = sum(self._lengths[i] - 1 for i in (*given, *made))
        return [
            Asked("retain", i, range(1, self._lengths[i]), weight / tokens, own, times=times)
            for own, times, rows in ((self._kappa, self._times(tokens, given), given), (IMITATE, 1.0, made))
            for i in rows
        ]

    @property
    def _kappa(self) -> float:
        """How far the user's rows are imitated, and not learned from."""
        if self.method.retain == "text":
            return LEARN
        return TEACHERS_OWN if self.method.kappa is None else self.method.kappa

    def _times(self, tokens: int, texts: Sequence[int]) -> float:
        """A sum over tokens by a mean over texts, in a loss where every token weighs one over all."""
        return tokens / max(1, len(texts)) if self.method.retain == "released" else 1.0
