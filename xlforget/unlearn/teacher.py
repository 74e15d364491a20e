"""The teacher, run once: the frozen model's last hidden states, from which its own head gives exact logits again."""

from collections.abc import Sequence

import torch
from torch import Tensor

from xlforget.corpus.batches import by_length
from xlforget.corpus.encode import Encoded
from xlforget.lm import Head, Lm


class Teacher:
    """Last hidden states of a list of texts under the model as it was, and its frozen head."""

    def __init__(self, head: Head, states: list[Tensor]) -> None:
        self.head = head
        self._states = states

    @classmethod
    @torch.inference_mode()
    def run(cls, lm: Lm, items: Sequence[Encoded]) -> "Teacher":
        """One pass over ``items`` with the model as it is now; checks first that its head is understood."""
        lm.model.eval()
        states: list[Tensor] = [torch.empty(0)] * len(items)
        for number, batch in enumerate(by_length(items)):
            if number == 0:
                lm.self_check(batch)
            hidden = lm.hidden(batch)
            for k, row in enumerate(batch.rows):
                states[row] = hidden[k, : len(items[row].ids)].clone()
        return cls(lm.head.frozen(), states)

    def hidden(self, rows: Sequence[int], positions: Sequence[Sequence[int]]) -> Tensor:
        """States that predict the tokens at ``positions`` (one list per row), in order, [N, D]."""
        parts = [self._states[row][[p - 1 for p in at]] for row, at in zip(rows, positions, strict=True) if len(at)]
        return torch.cat(parts) if parts else self._states[0][:0]
