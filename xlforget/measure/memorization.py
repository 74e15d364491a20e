"""What a model knows of a text, in one teacher-forced pass: MA, log-probability, extraction strength."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from xlforget.corpus.batches import by_length
from xlforget.corpus.encode import Encoded
from xlforget.fleet.spread import spread
from xlforget.fleet.spread import tokens as by_tokens
from xlforget.lm import Head, Lm, Slate


@dataclass(frozen=True)
class TokenScores:
    """Per answer token, in order: log-probability (nats) and whether the model puts it first given the true prefix."""

    logp: NDArray[np.float32]
    hit: NDArray[np.bool_]

    @property
    def ma(self) -> float:
        """Memorization accuracy: share of answer tokens put first (Jang et al. 2023, on the answer's tokens)."""
        return float(self.hit.mean())

    @property
    def mean_logp(self) -> float:
        """Mean log-probability of the answer's tokens, nats per token."""
        return float(self.logp.mean())

    @property
    def extraction_strength(self) -> float:
        """1 - k/T for the smallest k from which all tokens are put first (Carlini et al.); k = T is allowed, so no floor."""
        misses = np.flatnonzero(~self.hit)
        k = int(misses[-1]) + 1 if len(misses) else 0
        return 1.0 - k / len(self.hit)


@spread(by_tokens)
@torch.inference_mode()
def token_scores(lm: Lm, items: Sequence[Encoded], tokens: int | None = None) -> list[TokenScores]:
    """Scores of every item's answer tokens; one forward pass over all items, logits for the answer positions only.

    ``tokens``: how many are read at a time (None: as the device has it); scores are the same up to rounding.
    """
    found: dict[int, TokenScores] = {}
    lm.model.eval()
    head, slate = lm.head, Slate()
    for batch in by_length(items, tokens or lm.tokens):
        hidden = lm.hidden(batch)
        rows, positions = _answer_positions(items, batch.rows)
        targets = batch.ids.to(lm.device)[rows, positions]
        logp, hit = _score(head, hidden[rows, positions - 1], targets, slate)
        counts = [len(items[r].answer) for r in batch.rows]
        for r, lp, ok in zip(
            batch.rows, np.split(logp, np.cumsum(counts)[:-1]), np.split(hit, np.cumsum(counts)[:-1]), strict=True
        ):
            found[r] = TokenScores(lp, ok)
    return [found[r] for r in range(len(items))]


def _answer_positions(items: Sequence[Encoded], rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    at = [(k, p) for k, r in enumerate(rows) for p in items[r].answer]
    return torch.tensor([k for k, _ in at]), torch.tensor([p for _, p in at])


def _score(
    head: Head, hidden: torch.Tensor, targets: torch.Tensor, slate: Slate
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    size = head.positions(hidden.shape[1])
    logps, hits = [], []
    for h, t in zip(hidden.split(size), targets.split(size), strict=True):
        logits = head.write(h, head.matrix(slate, "logits", h))
        logp = torch.log_softmax(logits, -1, out=head.matrix(slate, "logp", h))
        logps.append(logp.gather(1, t[:, None])[:, 0].cpu().numpy())
        hits.append((logits.argmax(-1) == t).cpu().numpy())
    return np.concatenate(logps), np.concatenate(hits)
