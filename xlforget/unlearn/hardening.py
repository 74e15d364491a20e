"""Forgetting that lasts: facts are led to their levels also where others of the request have just been learned again.

What training hid behind one common direction comes back, for all facts, with the first of them that are learned again. So at
each step half of the facts at hand are learned for a few steps, of a gradient's sign, and the other half is led to its levels
from there; then the weights are as they were, and the gradient counts. (Gradients at weights after an attack: arXiv 2408.00761.)
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from xlforget.unlearn.optimizer import Optimizer
from xlforget.unlearn.step import LEARN, Asked, Floats
from xlforget.unlearn.task import Task

# Steps of learning again, and by what share of its root mean square each weight moves in one.
STEPS, SHARE = 2, 0.03


class Hardening:
    """Adds to a step's gradients those of the pairs' answers at weights that have learned other facts again."""

    def __init__(self, task: Task, optimizer: Optimizer) -> None:
        first = len(task.given) + len(task.made)
        told = first + len(task.pairs) + len(task.rivals)
        self._facts = {first + k: pair.row for k, pair in enumerate(task.pairs)}
        self._facts |= {told + k: one.row for k, one in enumerate(task.told)}
        self._seed, self._optimizer = task.seed, optimizer

    def add(self, asked: Sequence[Asked], step: int, backward: Callable[[Sequence[Asked]], Floats]) -> None:
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


def _weighed(pairs: Sequence[Asked]) -> list[Asked]:
    """The same, their mean over tokens weighing one."""
    one = 1 / sum(len(pair.at) for pair in pairs)
    return [replace(pair, weight=one) for pair in pairs]
