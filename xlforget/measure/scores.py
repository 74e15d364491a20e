"""Scores of probes, and tables of them: rows are facts or controls, columns languages."""

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xlforget.corpus.probes import Probe, Role
from xlforget.lm import Lm
from xlforget.measure.memorization import token_scores
from xlforget.measure.verdict import SAMPLES

DRAWN = {"said": SAMPLES, "probability": 1}


@dataclass(frozen=True)
class ProbeScores:
    """One probe under one model. ``margin``: mean log-probability of the answer less the mean over its alternatives
    (nats per token), NaN without alternatives. ``es``: extraction strength."""

    ma: float
    logp: float
    margin: float
    es: float


def score_probes(lm: Lm, probes: Sequence[Probe]) -> list[ProbeScores]:
    """Scores of all probes and their alternatives in one teacher-forced sweep."""
    texts = [probe.text for probe in probes]
    others = [alternative for probe in probes for alternative in probe.alternatives]
    scored = token_scores(lm, [*texts, *others])
    levels = [s.mean_logp for s in scored[len(texts) :]]
    out, at = [], 0
    for probe, own in zip(probes, scored[: len(texts)], strict=True):
        against = levels[at : at + len(probe.alternatives)]
        at += len(probe.alternatives)
        margin = own.mean_logp - float(np.mean(against)) if against else float("nan")
        out.append(ProbeScores(own.ma, own.mean_logp, margin, own.extraction_strength))
    return out


@dataclass(frozen=True)
class Sheet:
    """Probes with the scores that one model gave them."""

    probes: Sequence[Probe]
    scores: Sequence[ProbeScores]

    def only(self, rows: Set[str]) -> "Sheet":
        """The part of these rows."""
        kept = [k for k, probe in enumerate(self.probes) if probe.row in rows]
        return Sheet([self.probes[k] for k in kept], [self.scores[k] for k in kept])

    def rows(self) -> list[str]:
        """Row ids in order of first appearance."""
        return list(dict.fromkeys(probe.row for probe in self.probes))

    def relations(self) -> list[str]:
        """Of each row: its relation, or nothing."""
        found = {probe.row: probe.relation or "" for probe in self.probes}
        return [found[row] for row in self.rows()]

    def table(self, score: str, role: Role, langs: Sequence[str]) -> NDArray[np.float64]:
        """[rows, languages]: the mean of ``score`` over the wordings that serve ``role``; NaN where there is none.

        ``score``: a field of `ProbeScores`, "said" (`said`), or "probability", the same of one sample.
        """
        rows, columns = {r: i for i, r in enumerate(self.rows())}, {lang: j for j, lang in enumerate(langs)}
        total, count = np.zeros((len(rows), len(langs))), np.zeros((len(rows), len(langs)))
        samples = DRAWN.get(score)
        for probe, own in zip(self.probes, self.scores, strict=True):
            value = said(own.logp, len(probe.text.answer), samples) if samples else getattr(own, score)
            if probe.serves(role) and probe.lang in columns and not np.isnan(value):
                total[rows[probe.row], columns[probe.lang]] += value
                count[rows[probe.row], columns[probe.lang]] += 1
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def said(logp: float, tokens: int, samples: int = SAMPLES) -> float:
    """The chance that one of so many samples, drawn from the whole vocabulary at temperature 1, goes on with the very answer.

    1 - (1 - p)^n with the answer's probability p, which one pass gives (arXiv 2410.19482). ``logp``: mean, nats per token.
    """
    if math.isnan(logp):
        return math.nan
    p = math.exp(min(0.0, logp * tokens))
    return 1.0 if p >= 1.0 else -math.expm1(samples * math.log1p(-p))
