"""Forgetting that lasts: facts are led to their levels also where something has just been learned that brings them back.

What training hid behind one common direction comes back, for all facts, with the first step against that direction: with the
first facts that are learned again, and where whole sentences were led far down, with any other text of their kind. So the
weights lean for a step to where a few steps of learning (of a gradient's sign) lead; the facts are led to their levels there;
then the weights are as they were, and the gradient counts. (Gradients at weights after an attack: arXiv 2408.00761.)
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from xlforget.corpus.probes import Probe
from xlforget.lm import Lm
from xlforget.unlearn.levels import answer_scores
from xlforget.unlearn.optimizer import Optimizer
from xlforget.unlearn.step import LEARN, Asked, Floats
from xlforget.unlearn.task import Task

Backward = Callable[[Sequence[Asked]], Floats]

# Steps of learning again, and by what share of its root mean square each weight moves in one.
STEPS, SHARE = 2, 0.03
# The same of text about others, `LESSONS` of it a step; `FRESH` unseen ones of a language say how far such text moves.
TEXT_STEPS, TEXT_SHARE, LESSONS, FRESH = 4, 0.03, 16, 6
# Nats by which facts are led below unseen text there: what stands an attack of a few steps has to stand longer ones.
MARGIN = 2.0


class AgainstFacts:
    """Adds to a step's gradients those of the pairs' answers at weights that have learned other facts again."""

    def __init__(self, task: Task, optimizer: Optimizer) -> None:
        self._facts = {place: pair.row for place, pair in task.about.items()}
        self._seed, self._optimizer = task.seed, optimizer

    def add(self, asked: Sequence[Asked], step: int, backward: Backward) -> None:
        """``backward`` adds gradients of what it is asked; all that there are when this is called are dropped."""
        learned, led = self._halves([one for one in asked if one.part == "forget"], step)
        if not learned or not led:
            return
        try:
            for _ in range(STEPS):
                backward([replace(one, levels=None, kappa=LEARN) for one in _weighed(learned)])
                self._optimizer.lean(SHARE)
            backward(_weighed(led))
        finally:
            self._optimizer.upright()

    def _halves(self, pairs: Sequence[Asked], step: int) -> tuple[list[Asked], list[Asked]]:
        """The pairs of one half of the facts, and those of the other: another half at each step."""
        facts = sorted({self._facts[one.row] for one in pairs})
        drawn = np.random.default_rng([self._seed, step]).permutation(len(facts))[: len(facts) // 2]
        half = {facts[k] for k in drawn}
        return (
            [one for one in pairs if self._facts[one.row] in half],
            [one for one in pairs if self._facts[one.row] not in half],
        )


class AgainstText:
    """Takes a step's gradients where text about others was learned: what is to be forgotten is forgotten there, what is to stay
    stays there.

    Unseen text is more likely there than it was; levels move by as much, language by language.
    """

    def __init__(self, task: Task, lm: Lm, optimizer: Optimizer) -> None:
        self._task, self._lm, self._optimizer, self._texts = task, lm, optimizer, task.texts
        self._langs = {place: pair.lang for place, pair in task.about.items()}

    def backward(self, asked: Sequence[Asked], step: int, backward: Backward) -> Floats:
        """As ``backward``, which adds gradients of what it is asked; all that there are when this is called are dropped."""
        if not self._task.others:
            return backward(asked)
        draw = np.random.default_rng([self._task.seed, step])
        unseen = _some([self._task.unseen[k] for k in draw.permutation(len(self._task.unseen))])
        before = self._means(unseen)
        try:
            for _ in range(TEXT_STEPS):
                backward(self._lessons(draw))
                self._optimizer.lean(TEXT_SHARE)
            moved = {lang: own - before[lang] for lang, own in self._means(unseen).items()}
            return backward([_moved(one, moved.get(self._langs.get(one.row, ""), 0.0)) for one in asked])
        finally:
            self._optimizer.upright()

    def _means(self, probes: Sequence[Probe]) -> dict[str, float]:
        """Log-probability of these answers, by language."""
        found: dict[str, list[float]] = defaultdict(list)
        for probe, own in zip(probes, answer_scores(self._lm, [probe.text for probe in probes]), strict=True):
            found[probe.lang].append(float(own.logp.mean()))
        return {lang: float(np.mean(own)) for lang, own in found.items()}

    def _lessons(self, draw: np.random.Generator) -> list[Asked]:
        """Some texts about others, to learn all of."""
        rows = [self._task.others[k] for k in draw.permutation(len(self._task.others))[:LESSONS]]
        return _weighed([Asked("retain", row, range(1, len(self._texts[row].ids)), 1.0, LEARN) for row in rows])


def _some(probes: Sequence[Probe]) -> list[Probe]:
    """The first `FRESH` of each language."""
    had: Counter[str] = Counter()
    found = []
    for probe in probes:
        had[probe.lang] += 1
        found += [probe] if had[probe.lang] <= FRESH else []
    return found


def _moved(asked: Asked, by: float) -> Asked:
    """The same with levels that moved so far, those of facts `MARGIN` less."""
    if asked.levels is None:
        return asked
    less = MARGIN if asked.part == "forget" else 0.0
    return replace(asked, levels=np.minimum(asked.levels + np.float32(by - less), np.float32(0)))


def _weighed(pairs: Sequence[Asked]) -> list[Asked]:
    """The same, their mean over tokens weighing one."""
    one = 1 / sum(len(pair.at) for pair in pairs)
    return [replace(pair, weight=one) for pair in pairs]
