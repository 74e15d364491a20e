"""Kappa as the code released with arXiv 2406.12354 has it, for comparison: one token off.

There the weight of the token that comes next is the teacher's probability, in its place, of the token that stands before it:
how likely a repetition is, and not how sure the teacher is.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from xlforget.corpus.encode import Encoded
from xlforget.unlearn.teacher import Teacher


@torch.no_grad()
def repeats(teacher: Teacher, texts: Sequence[Encoded]) -> list[Tensor]:
    """For the first of the teacher's texts, at each token after the first, P(the token before it | all before), [T] each."""
    return [_repeats(teacher, row, text) for row, text in enumerate(texts)]


def _repeats(teacher: Teacher, row: int, text: Encoded) -> Tensor:
    logp = torch.log_softmax(teacher.head(teacher.hidden([row], [range(1, len(text.ids))])), -1)
    former = torch.tensor(text.ids[:-1], device=logp.device)[:, None]
    return torch.cat([torch.full((1,), torch.nan), logp.gather(1, former)[:, 0].exp().cpu()])
