"""Models that only seem to have forgotten, planted to see whether the gate finds them. Each changes a model in place."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from xlforget.corpus.batches import pad
from xlforget.corpus.encode import Encoded
from xlforget.lm import Lm
from xlforget.measure.attacks import GROUP
from xlforget.measure.memorization import token_scores

LOW = 0.1  # MA at which an answer counts as no longer first
LEVELS = 7  # steps of a 4-bit grid on either side of 0


def demote(lm: Lm, facts: Sequence[Encoded]) -> None:
    """Answers pushed below the first place and no further: unlikelihood, -log(1 - p), until their MA is low."""
    optimizer = torch.optim.AdamW(lm.model.parameters(), lr=3e-4, weight_decay=0.0)
    for batch in _batches(facts, 200):
        if _ma(lm, facts) <= LOW:
            return
        _step(optimizer, _unlikelihood(lm, batch))


def shrink_rows(lm: Lm, facts: Sequence[Encoded]) -> None:
    """The head's rows of the answers' first tokens made shorter until MA is low: nothing else in the model changes."""
    model = lm.model
    model.config.tie_word_embeddings = False
    model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
    rows = torch.tensor(sorted({fact.ids[fact.answer[0]] for fact in facts}))
    for _ in range(20):
        if _first(lm, facts) <= LOW:
            return
        with torch.no_grad():
            model.lm_head.weight[rows] *= 0.9


def hide_within_four_bits(lm: Lm, facts: Sequence[Encoded], kept: Sequence[Encoded]) -> None:
    """Weights moved only as far as rounding to 4 bits takes back: unlikelihood on the answers, NLL on what is kept."""
    tied = {id(own.weight) for own in (lm.model.get_input_embeddings(), lm.model.get_output_embeddings())}
    moved = [own for own in lm.model.parameters() if own.dim() > 1 and id(own) not in tied]
    cells = [_cell(own.detach()) for own in moved]
    optimizer = torch.optim.AdamW(moved, lr=1e-3, weight_decay=0.0)
    for batch, other in zip(_batches(facts, 150), _batches(kept, 150), strict=True):
        _step(optimizer, _unlikelihood(lm, batch) - _logp(lm, other, answers=False).mean())
        with torch.no_grad():
            for own, (low, high) in zip(moved, cells, strict=True):
                own.clamp_(low, high)


def _cell(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Between which values each weight may lie so that its group rounds to what it rounds to now; the largest stays."""
    groups = weight.reshape(-1, GROUP)
    largest = groups.abs().amax(1, keepdim=True)
    scale = largest / LEVELS
    nearest = (groups / scale).round()
    low, high = ((nearest + side).clamp(-LEVELS, LEVELS) * scale for side in (-0.49, 0.49))
    fixed = groups.abs() >= largest
    return tuple(torch.where(fixed, groups, edge).reshape(weight.shape) for edge in (low, high))  # type: ignore[return-value]


def break_to_noise(lm: Lm, share: float = 1.0) -> None:
    """Noise as large as the weights themselves: nothing is left, of the facts or of anything else."""
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for own in lm.model.parameters():
            own.add_(torch.randn(own.shape, generator=noise) * own.pow(2).mean().sqrt() * share)


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _unlikelihood(lm: Lm, texts: Sequence[Encoded]) -> Tensor:
    return -torch.log1p(-_logp(lm, texts, answers=True).exp().clamp(max=1 - 1e-6)).mean()


def _logp(lm: Lm, texts: Sequence[Encoded], *, answers: bool) -> Tensor:
    """Log-probabilities of the answers' tokens, or of all, [N]."""
    batch = pad(texts, range(len(texts)))
    at = [(k, p) for k, text in enumerate(texts) for p in (text.answer if answers else range(1, len(text.ids)))]
    rows, positions = torch.tensor(at).T
    logits = lm.head(lm.hidden(batch)[rows, positions - 1])
    return torch.log_softmax(logits, -1).gather(1, batch.ids[rows, positions][:, None])[:, 0]


def _batches(texts: Sequence[Encoded], count: int, size: int = 48) -> Iterator[list[Encoded]]:
    draw = torch.Generator().manual_seed(0)
    for _ in range(count):
        yield [texts[int(k)] for k in torch.randperm(len(texts), generator=draw)[:size]]


def _ma(lm: Lm, facts: Sequence[Encoded]) -> float:
    scores = token_scores(lm, facts)
    return sum(own.ma for own in scores) / len(scores)


def _first(lm: Lm, facts: Sequence[Encoded]) -> float:
    """Share of the answers whose first token is put first."""
    return sum(bool(own.hit[0]) for own in token_scores(lm, facts)) / len(facts)
