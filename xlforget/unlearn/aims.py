"""Where each answer token is led now: its level, moved with what unseen text scores by now, and down from the first place.

Levels are drawn once, from the model as it was. Two things are only seen on the way: unseen text that nobody trains on
drifts, and the answer must be as likely, and as often first, as unseen text is *in the same model*; and a token that the level
puts behind another may still come first, because the rest of the distribution is flat where a sentence was known by heart.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlforget.corpus.probes import Probe
from xlforget.lm import Lm
from xlforget.unlearn.levels import SECOND, Scores, Tokens, answer_scores

# Nats, each round that a token is first and should not be; but only once it is no further than this from where it is led.
STEP = ARRIVED = 1.0


class Aims:
    """Levels of the pairs' answer tokens, as they stand. ``unseen``: text of the same form that training never reads."""

    def __init__(self, pairs: Sequence[Probe], levels: Sequence[Tokens], unseen: Sequence[Probe], lm: Lm) -> None:
        self._langs = [pair.lang for pair in pairs]
        self._levels, self._unseen = levels, unseen
        self._by_lang: dict[str, list[Tokens]] = defaultdict(list)
        for lang, own in zip(self._langs, levels, strict=True):
            self._by_lang[lang].append(own)
        self._before = self._unseen_now(lm)
        self._now = self._before
        self._lowered = [np.zeros(len(own), np.float32) for own in levels]

    def of(self, pair: int) -> Tokens:
        """Tau per answer token of one pair, nats."""
        moved = self._levels[pair] + np.float32(self._drift(self._langs[pair])) - self._lowered[pair]
        return np.asarray(np.minimum(moved, 0.0), np.float32)

    def distances(self, scores: Sequence[Scores]) -> NDArray[np.float64]:
        """How far each pair's mean log-probability is from the mean of where it is led, in nats."""
        return np.array([abs(float(own.logp.mean() - self.of(k).mean())) for k, own in enumerate(scores)])

    @cached_property
    def spread(self) -> float:
        """Standard deviation of the pairs' levels within a language, nats: distances are measured by it. 1 for a single pair."""
        return float(np.mean([np.std([float(one.mean()) for one in own]) for own in self._by_lang.values()])) or 1.0

    def look(self, scores: Sequence[Scores]) -> None:
        """After a round: what is where it is led, and first though it should not be, is led further down."""
        lines = {lang: self._line(lang) for lang in self._by_lang}
        for pair, own in enumerate(scores):
            wrong = own.first & (self._levels[pair] <= lines[self._langs[pair]]) & (own.logp <= self.of(pair) + ARRIVED)
            self._lowered[pair] += STEP * wrong

    def follow(self, lm: Lm) -> None:
        """In the middle of a cycle and after it: levels go where unseen text has gone, language by language."""
        self._now = self._unseen_now(lm)

    def _drift(self, lang: str) -> float:
        return self._now[lang][0] - self._before[lang][0] if lang in self._now else 0.0

    def _line(self, lang: str) -> float:
        """The level above which a token may be first: as large a share of a language's tokens as of unseen text's now."""
        levels = np.concatenate(self._by_lang[lang])
        share = self._now[lang][1] if lang in self._now else 1.0
        return max(SECOND, float(np.quantile(levels, 1.0 - share)))

    def _unseen_now(self, lm: Lm) -> dict[str, tuple[float, float]]:
        """By language: mean log-probability of unseen answers, and the share of their tokens that is put first."""
        found: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for probe, own in zip(self._unseen, answer_scores(lm, [probe.text for probe in self._unseen]), strict=True):
            found[probe.lang].append((float(own.logp.mean()), float(own.first.mean())))
        return {lang: (float(np.mean([m for m, _ in own])), float(np.mean([f for _, f in own]))) for lang, own in found.items()}

    def state(self) -> dict[str, Any]:
        return {"lowered": [own.tolist() for own in self._lowered], "now": self._now}

    def restore(self, state: dict[str, Any]) -> None:
        self._lowered = [np.array(own, np.float32) for own in state["lowered"]]
        self._now = {lang: (logp, first) for lang, (logp, first) in state["now"].items()}
