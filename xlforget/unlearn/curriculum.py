"""Which pairs and which retain texts come next. All state can be written as JSON, so that a stopped run goes on exactly."""

from collections.abc import Sequence
from typing import Any

import numpy as np


class Shuffled:
    """An endless stream over a pool of indices: each is drawn once before any is drawn again."""

    def __init__(self, seed: int, pool: Sequence[int]) -> None:
        self._rng = np.random.default_rng(seed)
        self._pool = list(pool)
        self._queue: list[int] = []

    def narrow(self, pool: Sequence[int]) -> None:
        """Draw from ``pool`` from now on; what is queued and still in it stays queued."""
        self._pool = list(pool)
        keep = set(self._pool)
        self._queue = [i for i in self._queue if i in keep]

    def take(self, count: int) -> list[int]:
        """The next ``count`` indices, or the whole pool once where it is smaller."""
        count = min(count, len(self._pool))
        if len(self._queue) < count:
            queued = set(self._queue)
            fresh = [i for i in self._pool if i not in queued]
            self._queue += [int(i) for i in self._rng.permutation(fresh)]
        taken, self._queue = self._queue[:count], self._queue[count:]
        return taken

    def take_tokens(self, lengths: Sequence[int], budget: int) -> list[int]:
        """Indices until their lengths reach ``budget`` (nothing for a budget of 0), each at most once."""
        taken: list[int] = []
        spent = 0
        while spent < budget and len(taken) < len(self._pool):
            for i in self.take(1):
                if i not in taken:
                    taken.append(i)
                    spent += lengths[i]
        return taken

    def state(self) -> dict[str, Any]:
        return {"rng": self._rng.bit_generator.state, "pool": self._pool, "queue": self._queue}

    def restore(self, state: dict[str, Any]) -> None:
        self._rng.bit_generator.state = state["rng"]
        self._pool, self._queue = list(state["pool"]), list(state["queue"])
