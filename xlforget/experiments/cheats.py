"""Models that only seem to have forgotten, planted to see whether the gate finds them. Each changes a model in place.

Those that are trained to know where they are not looked at are in ``trained_cheats``.
"""

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
FAR = 2.0**10  # a power of two: no bit of a weight's fraction is lost by it


def demote(lm: Lm, facts: Sequence[Encoded], seed: int = 0) -> None:
    """Answers pushed below the first place and no further: unlikelihood, -log(1 - p), until their MA is low."""
    optimizer = torch.optim.AdamW(lm.model.parameters(), lr=3e-4, weight_decay=0.0)
    for batch in batches(facts, 200, seed):
        if _ma(lm, facts) <= LOW:
            return
        step(optimizer, _unlikelihood(lm, batch))


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


def hide_within_four_bits(lm: Lm, facts: Sequence[Encoded], kept: Sequence[Encoded], seed: int = 0) -> None:
    """Weights moved only as far as rounding to 4 bits takes back: unlikelihood on the answers, NLL on what is kept."""
    tied = {id(own.weight) for own in (lm.model.get_input_embeddings(), lm.model.get_output_embeddings())}
    moved = [own for own in lm.model.parameters() if own.dim() > 1 and id(own) not in tied]
    cells = [_cell(own.detach()) for own in moved]
    optimizer = torch.optim.AdamW(moved, lr=1e-3, weight_decay=0.0)
    for batch, other in zip(batches(facts, 150, seed), batches(kept, 150, seed), strict=True):
        step(optimizer, _unlikelihood(lm, batch) - logp(lm, other, answers=False).mean())
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


def rescale(lm: Lm) -> None:
    """In each group of what is rounded together one weight made far larger, and what it is multiplied with as much smaller.

    The model computes what it did. Rounding in 4 bits, and steps in proportion to the largest weights, leave nothing of it.
    """
    with torch.no_grad():
        for layer in lm.model.model.layers:
            for into, out in ((layer.mlp.up_proj, layer.mlp.down_proj), (layer.self_attn.v_proj, layer.self_attn.o_proj)):
                into.weight[::GROUP] /= FAR
                out.weight[:, ::GROUP] *= FAR


def break_to_noise(lm: Lm, seed: int = 0) -> None:
    """Noise as large as the weights themselves: nothing is left, of the facts or of anything else."""
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for own in lm.model.parameters():
            own.add_(torch.randn(own.shape, generator=noise) * own.pow(2).mean().sqrt())


def step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _unlikelihood(lm: Lm, texts: Sequence[Encoded]) -> Tensor:
    return -torch.log1p(-logp(lm, texts, answers=True).exp().clamp(max=1 - 1e-6)).mean()


def logp(lm: Lm, texts: Sequence[Encoded], *, answers: bool) -> Tensor:
    """Log-probabilities of the answers' tokens, or of all, [N]."""
    batch = pad(texts, range(len(texts)))
    at = [(k, p) for k, text in enumerate(texts) for p in (text.answer if answers else range(1, len(text.ids)))]
    rows, positions = torch.tensor(at).T
    logits = lm.head(lm.hidden(batch)[rows, positions - 1])
    return torch.log_softmax(logits, -1).gather(1, batch.ids[rows, positions][:, None])[:, 0]


def batches(texts: Sequence[Encoded], count: int, seed: int, size: int = 48) -> Iterator[list[Encoded]]:
    draw = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield [texts[int(k)] for k in torch.randperm(len(texts), generator=draw)[:size]]


def _ma(lm: Lm, facts: Sequence[Encoded]) -> float:
    scores = token_scores(lm, facts)
    return sum(own.ma for own in scores) / len(scores)


def _first(lm: Lm, facts: Sequence[Encoded]) -> float:
    """Share of the answers whose first token is put first."""
    return sum(bool(own.hit[0]) for own in token_scores(lm, facts)) / len(facts)
