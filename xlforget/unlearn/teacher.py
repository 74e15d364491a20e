"""The teacher: what the frozen model says of each next token.

It is run once: from its cached last hidden states its own head gives exact logits again. A model whose logits are more than
that is run live, as a frozen copy, at every step.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from xlforget.corpus.batches import by_length
from xlforget.corpus.encode import Encoded
from xlforget.lm import Head, Lm
from xlforget.unlearn.states import Store

LIVE = (
    "the teacher runs live at every step, for this model's logits are more than its output head on its last hidden states: "
    "this takes more time, and memory for a second model"
)
# Tokens on which the head is tried: the only time that the logits of all positions are held together.
CHECKED = 256
# States that take no more of a GPU's memory than this share lie there.
SHARE = 1 / 16


class Teacher(ABC):
    """A frozen model on a list of texts; ``head`` gives the logits of what `hidden` returns.

    ``confidence``: for the first of the texts, how sure another model is of each token, [T] each; NaN: it does not say.
    """

    head: Head
    confidence: Sequence[Tensor] = ()

    @abstractmethod
    def hidden(self, rows: Sequence[int], positions: Sequence[Sequence[int]]) -> Tensor:
        """States that predict the tokens at ``positions`` (ascending, one list per row), in order, [N, D]."""

    def sure(self, rows: Sequence[int], positions: Sequence[Sequence[int]]) -> Tensor:
        """How sure another model is of the tokens at ``positions``, [N]; NaN where the teacher's own probability counts."""
        known = len(self.confidence)
        parts = [
            self.confidence[row][list(at)] if row < known else torch.full((len(at),), torch.nan)
            for row, at in zip(rows, positions, strict=True)
        ]
        return torch.cat(parts) if parts else torch.empty(0)

    @staticmethod
    def run(
        lm: Lm, texts: Sequence[Encoded], asked: Sequence[range] | None = None, store: Store | None = None, *, copied: bool = True
    ) -> "Teacher":
        """The teacher that ``lm`` is now, on ``texts``; what it says is wanted at ``asked`` (per text; None: everywhere).

        Cached where its head gives its logits again on the first batch, in ``store`` if there is one; else live, as a copy
        if ``copied``.
        """
        lm.model.eval()
        first = next(by_length(texts, CHECKED), None)
        if first is not None:
            lm.check(first)
        if lm.whole:
            return Live(Lm(copy.deepcopy(lm.model), whole=True) if copied else lm, texts)
        return Cached.of(lm, texts, [range(1, len(text.ids)) for text in texts] if asked is None else asked, store)


class Cached(Teacher):
    """States of one pass, [N, D]: for each text those that predict its range of ``asked``."""

    def __init__(self, head: Head, states: Tensor, asked: Sequence[range], device: torch.device) -> None:
        self.head, self._asked, self._device = head, asked, device
        self._states = states.to(device) if _small(states, device) else states
        self._starts = _starts(asked)

    @classmethod
    @torch.no_grad()
    def of(cls, lm: Lm, texts: Sequence[Encoded], asked: Sequence[range], store: Store | None = None) -> "Cached":
        """From ``store`` where that has them; else one pass with the model as it is now."""
        states = store.read() if store else None
        if states is None:
            parts, rows = _passed(lm, texts, asked), sum(map(len, asked))
            states = store.write(parts, rows) if store and rows else _gathered(parts)
        return cls(lm.head.frozen(), states, asked, lm.device)

    def hidden(self, rows: Sequence[int], positions: Sequence[Sequence[int]]) -> Tensor:
        """Raises LookupError for a position that was not among those ``asked``."""
        where: list[int] = []
        for row, at in zip(rows, positions, strict=True):
            known = self._asked[row]
            if len(at) and not (at[0] in known and at[-1] in known):
                raise LookupError("the teacher was not run for this position")
            where += [self._starts[row] + p - known.start for p in at]
        return self._states[torch.tensor(where, dtype=torch.long, device=self._states.device)].to(self._device)


class Live(Teacher):
    """Runs ``lm``, which nobody may train, over the texts that are asked for, each time."""

    def __init__(self, lm: Lm, texts: Sequence[Encoded]) -> None:
        self._lm, self._texts = lm, texts
        self.head = lm.head

    @torch.no_grad()
    def hidden(self, rows: Sequence[int], positions: Sequence[Sequence[int]]) -> Tensor:
        found: list[Tensor] = [torch.empty(0)] * len(rows)
        for batch in by_length([self._texts[row] for row in rows], self._lm.tokens):
            states = self._lm.hidden(batch)
            for k, number in enumerate(batch.rows):
                found[number] = states[k, [p - 1 for p in positions[number]]]
        return torch.cat(found) if found else torch.empty(0, 0)


def _small(states: Tensor, device: torch.device) -> bool:
    return device.type == "cuda" and states.nbytes <= SHARE * torch.cuda.get_device_properties(device).total_memory


def _starts(asked: Sequence[range]) -> list[int]:
    return [int(start) for start in np.cumsum([0, *map(len, asked)])]


def _gathered(parts: Iterator[tuple[int, Tensor]]) -> Tensor:
    ordered = [part.cpu() for _, part in sorted(parts, key=lambda part: part[0])]
    return torch.cat(ordered) if ordered else torch.empty(0, 0)


def _passed(lm: Lm, texts: Sequence[Encoded], asked: Sequence[range]) -> Iterator[tuple[int, Tensor]]:
    """Where each text's states begin among all, and the states. Texts of which none is wanted are not read."""
    starts, wanted = _starts(asked), [row for row, at in enumerate(asked) if at]
    for batch in by_length([texts[row] for row in wanted], lm.tokens):
        hidden = lm.hidden(batch)
        for k, number in enumerate(batch.rows):
            at = asked[wanted[number]]
            yield starts[wanted[number]], hidden[k, at.start - 1 : at.stop - 1].clone()
