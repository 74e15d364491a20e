"""Token log-probabilities of answers as training sees them, and the levels drawn from unseen ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xlforget.corpus.batches import by_length
from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.errors import UsageError
from xlforget.fleet.spread import spread, tokens
from xlforget.lm import Lm
from xlforget.unlearn.objective import token_logp

Tokens = NDArray[np.float32]

NEAREST = 24
LOCAL = 2
SECOND = -2.0  # nats


def flat(positions: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Row and position of every token, as index tensors [N]."""
    rows = [k for k, at in enumerate(positions) for _ in at]
    return torch.tensor(rows, dtype=torch.long), torch.tensor([p for at in positions for p in at], dtype=torch.long)


class Scores(NamedTuple):
    """Per answer token of one text: log-probability, and whether the model puts it first."""

    logp: Tokens
    first: NDArray[np.bool_]


@spread(tokens)
@torch.inference_mode()
def answer_scores(lm: Lm, texts: Sequence[Encoded]) -> list[Scores]:
    """Every text's answer tokens, in one teacher-forced pass."""
    lm.model.eval()
    head = lm.head
    found: list[Scores] = [Scores(np.empty(0, np.float32), np.empty(0, np.bool_))] * len(texts)
    for batch in by_length(texts, lm.tokens):
        positions = [texts[r].answer for r in batch.rows]
        rows, at = flat(positions)
        hidden = lm.hidden(batch)[rows, at - 1]
        targets = batch.ids.to(hidden.device)[rows, at]
        size = head.positions(hidden.shape[1])
        parts = [_scores(head(h), t) for h, t in zip(hidden.split(size), targets.split(size), strict=True)]
        logp, first = (torch.cat(own).cpu().numpy() for own in zip(*parts, strict=True))
        ends = np.cumsum([len(p) for p in positions])[:-1]
        for r, own, hits in zip(batch.rows, np.split(logp, ends), np.split(first, ends), strict=True):
            found[r] = Scores(own, hits)
    return found


def _scores(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    return token_logp(logits, targets), logits.argmax(-1) == targets


@dataclass(frozen=True)
class Levels:
    """Tau per answer token: of each pair's own answer, and of each of its rivals."""

    own: list[Tokens]
    rivals: list[list[Tokens]]


@dataclass(frozen=True)
class _Control:
    """Scores of an unseen row in one language, [answer tokens] for each of its wordings and their rivals."""

    relation: str | None
    whole: bool
    own: list[Tokens]
    rivals: list[list[Tokens]]

    @property
    def length(self) -> int:
        return len(self.own[0])

    @property
    def mean(self) -> float:
        return float(np.mean([tokens.mean() for tokens in self.own]))


def draw(pairs: Sequence[Probe], unseen: Sequence[Probe], lm: Lm, seed: int) -> Levels:
    """Levels for each pair: those of one unseen row of its language, wording by wording, rivals by rivals.

    So that the levels of a language are spread as unseen scores are, and not as a few drawn ones happen to be, the pairs
    take evenly spaced quantiles in random order, each among the unseen rows of its form and relation (where there are any)
    and of the `NEAREST` answer lengths. An answer's tokens take the row's scores in the order in which the model can guess
    them from the `LOCAL` tokens before. Raises UsageError where a language has no unseen answer.
    """
    controls = _controls(unseen, lm)
    missing = sorted({pair.lang for pair in pairs} - set(controls))
    if missing:
        raise UsageError(
            f"No unseen text in {', '.join(missing)}: nothing says how an unknown answer scores there.",
            do="Give --unseen text of the facts' form in these languages.",
            code="NO_UNSEEN",
        )
    rng = np.random.default_rng(seed)
    own, others = _guessable(lm, [pair.text for pair in pairs]), iter(_guessable(lm, [r for pair in pairs for r in pair.rivals]))
    guessable = [(mine, [next(others) for _ in pair.rivals]) for pair, mine in zip(pairs, own, strict=True)]
    found = Levels([np.empty(0, np.float32)] * len(pairs), [[] for _ in pairs])
    for lang in dict.fromkeys(pair.lang for pair in pairs):
        units = _units([k for k, pair in enumerate(pairs) if pair.lang == lang], pairs)
        for quantile, wordings in zip((rng.permutation(len(units)) + 0.5) / len(units), units, strict=True):
            control = _at_quantile(controls[lang], pairs[wordings[0]], float(quantile))
            for j, k in enumerate(wordings):
                mine, rivals = guessable[k]
                level, levels = control.own[j % len(control.own)], control.rivals[j % len(control.own)]
                levels = levels or [level]
                found.own[k] = _fit(level, mine)
                found.rivals[k] = [_fit(levels[r % len(levels)], rival) for r, rival in enumerate(rivals)]
    return found


def _guessable(lm: Lm, texts: Sequence[Encoded]) -> list[Tokens]:
    """Log-probability of each answer token from the `LOCAL` tokens before it alone, as if in a text that nobody knows."""
    windows = [
        Encoded((text.ids[0], *text.ids[max(1, p - LOCAL) : p + 1]), (p + 1 - max(1, p - LOCAL),))
        for text in texts
        for p in text.answer
    ]
    scores = np.array([own.logp[0] for own in answer_scores(lm, windows)], np.float32)
    return np.split(scores, np.cumsum([len(text.answer) for text in texts])[:-1]) if texts else []


def _is_whole(probe: Probe) -> bool:
    """A whole sentence: its answer has nothing before it."""
    return not probe.text.before


def _units(indices: Iterable[int], probes: Sequence[Probe]) -> list[list[int]]:
    """The wordings of each row, in order."""
    rows: dict[str, list[int]] = {}
    for k in indices:
        rows.setdefault(probes[k].row, []).append(k)
    return list(rows.values())


def _controls(unseen: Sequence[Probe], lm: Lm) -> dict[str, list[_Control]]:
    """By language; one teacher-forced pass over answers and rivals.

    A token that the model does not put first takes no level above `SECOND`: the student has nothing to put before it.
    """
    asked = [*(probe.text for probe in unseen), *(rival for probe in unseen for rival in probe.rivals)]
    scores = [np.where(own.first, own.logp, np.minimum(own.logp, SECOND)) for own in answer_scores(lm, asked)]
    ends = len(unseen) + np.cumsum([0, *(len(probe.rivals) for probe in unseen)])
    found: dict[str, list[_Control]] = {}
    for lang in dict.fromkeys(probe.lang for probe in unseen):
        for unit in _units([k for k, probe in enumerate(unseen) if probe.lang == lang], unseen):
            own, others = [scores[k] for k in unit], [scores[ends[k] : ends[k + 1]] for k in unit]
            first = unseen[unit[0]]
            found.setdefault(lang, []).append(_Control(first.relation, _is_whole(first), own, others))
    return found


def _at_quantile(controls: Sequence[_Control], pair: Probe, quantile: float) -> _Control:
    pool = [c for c in controls if c.whole == _is_whole(pair)] or controls
    pool = [c for c in pool if c.relation == pair.relation] or pool
    pool = sorted(pool, key=lambda c: abs(c.length - len(pair.text.answer)))
    furthest = abs(pool[:NEAREST][-1].length - len(pair.text.answer))
    pool = [c for c in pool if abs(c.length - len(pair.text.answer)) <= furthest]
    return sorted(pool, key=lambda c: c.mean)[int(quantile * len(pool))]


def _fit(tokens: Tokens, guessable: Tokens) -> Tokens:
    """The scores ``tokens`` for an answer that may be of another length: the same mean, the best for the most guessable."""
    length = len(guessable)
    spread = np.quantile(tokens, (np.arange(length) + 0.5) / length, method="inverted_cdf")
    fitted = np.empty(length)
    fitted[np.argsort(guessable, kind="stable")] = spread + (tokens.mean() - spread.mean())
    return np.asarray(np.minimum(fitted, 0.0), np.float32)
