"""What to unlearn and what to keep, in tokens, in the order in which losses and the teacher count it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.unlearn.told import Told


class Pair(NamedTuple):
    """A fact (``row``) in a language."""

    row: str
    lang: str


@dataclass(frozen=True)
class Task:
    """What to unlearn and what to keep, in tokens.

    ``levels``: tau per answer token of each pair, as drawn; ``unseen``: text that says where it has gone since (`Aims`).
    ``rivals``: other answers in the place of a pair's, each with its own levels, by index of the pair: led to the same level,
    so that the true answer is one among equals there. ``given``: retain rows of the user; ``made``: sampled, neutral and
    neighbour text. ``told``: other texts that tell the facts (`told`), by index of the pair. ``asks_answers``: whether the
    method asks the teacher about the pairs' answers. ``others``: which of ``texts`` are of the facts' form, about others.
    """

    pairs: Sequence[Probe]
    levels: Sequence[NDArray[np.float32]]
    unseen: Sequence[Probe]
    rivals: Sequence[Encoded]
    rival_levels: Sequence[NDArray[np.float32]]
    rivals_of: Mapping[int, Sequence[int]]
    given: Sequence[Encoded]
    made: Sequence[Encoded]
    seed: int
    told: Sequence[Told] = ()
    told_of: Mapping[int, Sequence[int]] = field(default_factory=dict)
    asks_answers: bool = False
    others: Sequence[int] = ()

    @property
    def about(self) -> dict[int, Pair]:
        """By place in ``texts``, the fact and the language of pairs, of their rivals and of what the model tells."""
        first = len(self.given) + len(self.made)
        rivals, told = first + len(self.pairs), first + len(self.pairs) + len(self.rivals)
        found = {first + k: Pair(pair.row, pair.lang) for k, pair in enumerate(self.pairs)}
        found |= {rivals + k: found[first + i] for i, own in self.rivals_of.items() for k in own}
        return found | {told + k: Pair(one.row, one.lang) for k, one in enumerate(self.told)}

    @property
    def texts(self) -> list[Encoded]:
        """Retain rows, pairs, rivals, what the model tells: the order in which losses and the teacher count them."""
        return [*self.given, *self.made, *(pair.text for pair in self.pairs), *self.rivals, *(one.text for one in self.told)]

    @property
    def imitated(self) -> list[range]:
        """For each of ``texts``, where the teacher may be asked: no state of it has read any part of a pair's answer, unless
        the method asks about answers."""
        whole = [range(1, len(text.ids)) for text in (*self.given, *self.made)]
        ends = [pair.text.answer[-1] if self.asks_answers else len(pair.text.before) for pair in self.pairs]
        before = [range(1, end + 1) for end in ends]
        after = [range(rival.after, len(rival.ids)) for rival in self.rivals]
        return [*whole, *before, *after, *(range(0) for _ in self.told)]
