"""MA as the released code of arXiv 2406.12354 measures it: `generate` is asked for one token after every true prefix."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xlforget.corpus.encode import Encoded


@torch.inference_mode()
def hits(model: Any, items: Sequence[Encoded], rows: int = 32, pad: int = 0) -> list[NDArray[np.bool_]]:
    """For every item, whether `generate` gives each of its answer tokens, [answer tokens].

    ``rows``: how many items are left-padded together, shortest first; a call of `generate` has one prefix of each that still
    has an answer token to be asked for.
    """
    found = [np.zeros(len(item.answer), np.bool_) for item in items]
    order = sorted(range(len(items)), key=lambda r: len(items[r].ids))
    for start in range(0, len(order), rows):
        chosen = order[start : start + rows]
        ids, attention = _left_padded([items[r].ids for r in chosen], pad)
        for column in range(1, ids.shape[1]):
            asked = [(k, column - ids.shape[1] + len(items[r].ids)) for k, r in enumerate(chosen)]
            asked = [(k, at) for k, at in asked if at in items[chosen[k]].answer]
            if asked:
                own = [k for k, _ in asked]
                said = _next(model, ids[own, :column], attention[own, :column], pad)
                for (k, at), token in zip(asked, said, strict=True):
                    item = items[chosen[k]]
                    found[chosen[k]][item.answer.index(at)] = token == item.ids[at]
    return found


def _left_padded(texts: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, texts))
    ids = torch.tensor([[pad] * (longest - len(text)) + list(text) for text in texts])
    attention = torch.tensor([[0] * (longest - len(text)) + [1] * len(text) for text in texts])
    return ids, attention


def _next(model: Any, ids: torch.Tensor, attention: torch.Tensor, pad: int) -> list[int]:
    ids, attention = ids.to(model.device), attention.to(model.device)
    with_next = model.generate(ids, attention_mask=attention, max_new_tokens=1, do_sample=False, pad_token_id=pad)
    return with_next[:, -1].tolist()  # type: ignore[no-any-return]
