"""Which pairs and which retain texts come next. All state can be written as JSON, so that a stopped run goes on exactly."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

Sampling = Literal["live", "round-robin", "random", "sequential"]


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


class Curriculum(ABC):
    """Which pairs the next step reads. ``stages``: how many runs one after another it makes of a cycle."""

    stages = 1

    @abstractmethod
    def take(self, count: int, done: float) -> list[int]:
        """The next ``count`` pairs, none twice; ``done``: the share of the cycle's steps behind it, from 0 to below 1."""

    def look(self, live: Sequence[int]) -> None:
        """After a round: the pairs that are not where they should be."""
        return

    @abstractmethod
    def state(self) -> dict[str, Any]: ...

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None: ...


class Live(Curriculum):
    """Live pairs in shuffled turn: each language is read as often as it has pairs left."""

    def __init__(self, seed: int, pairs: int) -> None:
        self._stream = Shuffled(seed, range(pairs))

    def take(self, count: int, done: float) -> list[int]:
        return self._stream.take(count)

    def look(self, live: Sequence[int]) -> None:
        self._stream.narrow(live)

    def state(self) -> dict[str, Any]:
        return self._stream.state()

    def restore(self, state: dict[str, Any]) -> None:
        self._stream.restore(state)


class RoundRobin(Curriculum):
    """Every pair once in each turn, whether it is live or not; the languages one after another, their pairs shuffled."""

    def __init__(self, seed: int, langs: Sequence[str]) -> None:
        self._rng = np.random.default_rng(seed)
        self._by_lang = _grouped(langs)
        self._queue: list[int] = []

    def take(self, count: int, done: float) -> list[int]:
        count = min(count, sum(map(len, self._by_lang)))
        taken, self._queue = self._queue[:count], self._queue[count:]
        if len(taken) < count:
            turn, known = self._turn(), set(taken)
            taken += [i for i in turn if i not in known][: count - len(taken)]
            known = set(taken) - known
            self._queue = [i for i in turn if i not in known]
        return taken

    def _turn(self) -> list[int]:
        own = [self._rng.permutation(pairs).tolist() for pairs in self._by_lang]
        order = self._rng.permutation(len(own)).tolist()
        return [own[k][n] for n in range(max(map(len, own))) for k in order if n < len(own[k])]

    def state(self) -> dict[str, Any]:
        return {"rng": self._rng.bit_generator.state, "queue": self._queue}

    def restore(self, state: dict[str, Any]) -> None:
        self._rng.bit_generator.state = state["rng"]
        self._queue = list(state["queue"])


class Random(Curriculum):
    """Facts in shuffled turn, each in one language drawn uniformly at each access (arXiv 2406.12354).

    Drawn so for a fixed number of times, some pairs never come: of ten languages, a fact is not seen in 0.9^15 = 20.6 % after
    fifteen accesses. So a fact that was read as often as it has pairs makes up for what it lacks: from then on those of its
    pairs that were never drawn come first, and after at most twice as many accesses as it has pairs each has come.
    """

    def __init__(self, seed: int, facts: Sequence[str], langs: Sequence[str]) -> None:
        self._rng = np.random.default_rng([seed, 1])
        self._langs, self._facts = langs, _grouped(facts)
        self._turn = Shuffled(seed, range(len(self._facts)))
        self._drawn = [0] * len(facts)

    def take(self, count: int, done: float) -> list[int]:
        taken: list[int] = []
        while len(taken) < min(count, len(self._drawn)):
            for fact in self._turn.take(1):
                own = [i for i in self._facts[fact] if i not in taken]
                if own:
                    taken.append(self._draw(self._facts[fact], own))
        return taken

    def _draw(self, pairs: Sequence[int], own: Sequence[int]) -> int:
        """One of ``own``, those of a fact's ``pairs`` that the batch does not hold yet: a language, then a wording in it."""
        if sum(self._drawn[i] for i in pairs) >= len(pairs):
            own = [i for i in own if not self._drawn[i]] or own
        lang = self._rng.choice(sorted({self._langs[i] for i in own}))
        chosen = int(self._rng.choice([i for i in own if self._langs[i] == lang]))
        self._drawn[chosen] += 1
        return chosen

    def state(self) -> dict[str, Any]:
        return {"rng": self._rng.bit_generator.state, "turn": self._turn.state(), "drawn": self._drawn}

    def restore(self, state: dict[str, Any]) -> None:
        self._rng.bit_generator.state = state["rng"]
        self._turn.restore(state["turn"])
        self._drawn = list(state["drawn"])


class Sequential(Curriculum):
    """One language after another, an equal share of each cycle's steps for each, in shuffled turn over its pairs."""

    def __init__(self, seed: int, langs: Sequence[str]) -> None:
        self._streams = [Shuffled(seed + k, pairs) for k, pairs in enumerate(_grouped(langs))]
        self.stages = len(self._streams)

    def take(self, count: int, done: float) -> list[int]:
        return self._streams[int(done * self.stages)].take(count)

    def state(self) -> dict[str, Any]:
        return {"streams": [stream.state() for stream in self._streams]}

    def restore(self, state: dict[str, Any]) -> None:
        for stream, own in zip(self._streams, state["streams"], strict=True):
            stream.restore(own)


def curriculum(sampling: Sampling, seed: int, facts: Sequence[str], langs: Sequence[str]) -> Curriculum:
    """The order in which pairs come. ``facts``, ``langs``: of each pair."""
    match sampling:
        case "live":
            return Live(seed, len(langs))
        case "round-robin":
            return RoundRobin(seed, langs)
        case "random":
            return Random(seed, facts, langs)
        case "sequential":
            return Sequential(seed, langs)


def _grouped(names: Iterable[str]) -> list[list[int]]:
    """Indices of each name, in the order in which the names first come."""
    found: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        found.setdefault(name, []).append(k)
    return list(found.values())
