"""The terms of a step's loss: the pairs' answers, their rivals, their context, and retain text, each as `Asked`."""

from collections.abc import Sequence

from xlforget.unlearn.aims import Aims
from xlforget.unlearn.curriculum import Shuffled
from xlforget.unlearn.methods import Method
from xlforget.unlearn.step import IMITATE, LEARN, TEACHERS_OWN, Asked
from xlforget.unlearn.task import Task

# Fewer tokens behind an answer are a full stop and an end sign, which say nothing about it.
TAIL = 3


class Terms:
    """What ``method`` asks of the model for ``task``; ``streams`` say which retain text comes next."""

    def __init__(self, task: Task, method: Method, aims: Aims) -> None:
        self.task, self.method, self.aims = task, method, aims
        self.retain = [*task.given, *task.made]
        self.pairs = [probe.text for probe in task.pairs]
        self.streams = {
            "given": Shuffled(task.seed + 1, range(len(task.given))),
            "made": Shuffled(task.seed + 2, range(len(task.given), len(self.retain))),
        }
        self._lengths = [len(text.ids) for text in self.retain]

    def forget(self, chosen: Sequence[int], visits: Sequence[int]) -> list[Asked]:
        """The pairs' answers, and what stands before them, which is kept. ``visits`` of each pair say whose turn of its rivals
        it is."""
        rows = {i: len(self.retain) + i for i in chosen}
        texts = {i: self.pairs[i] for i in chosen}
        answers, before = sum(len(text.answer) for text in texts.values()), sum(len(text.before) for text in texts.values())
        if self.method.forget == "ascent":
            asked = [Asked("forget", rows[i], texts[i].answer, -1 / answers, LEARN) for i in chosen]
        else:
            asked = [Asked("forget", rows[i], texts[i].answer, 1 / answers, levels=self.aims.of(i)) for i in chosen]
            asked += self._rivals([self._next_rival(i, visits[i]) for i in chosen if self.task.rivals_of.get(i)])
        if self.method.context_weight and before:
            weight = self.method.context_weight / before
            asked += [Asked("context", rows[i], texts[i].before, weight) for i in chosen if texts[i].before]
        return asked

    def _next_rival(self, pair: int, visits: int) -> int:
        own = self.task.rivals_of[pair]
        return own[visits % len(own)]

    def _rivals(self, chosen: Sequence[int]) -> list[Asked]:
        """Rivals are led to their levels; what follows them is kept as it was, or the fact survives backwards."""
        texts = {k: self.task.rivals[k] for k in chosen}
        rows = {k: len(self.retain) + len(self.pairs) + k for k in chosen}
        tails = {k: range(text.after, len(text.ids)) for k, text in texts.items()}
        tails = {k: tail for k, tail in tails.items() if len(tail) >= TAIL and self.method.context_weight}
        answers, after = sum(len(text.answer) for text in texts.values()), sum(map(len, tails.values()))
        led = [Asked("rivals", rows[k], text.answer, 1 / answers, levels=self.task.rival_levels[k]) for k, text in texts.items()]
        return [*led, *(Asked("context", rows[k], tail, self.method.context_weight / after) for k, tail in tails.items())]

    def keep(self, weight: float) -> list[Asked]:
        """Retain text, which weighs ``weight`` in all. Rows of the user as the method's kappa has it; made text is imitated only:
        what chance drew teaches nothing."""
        share = self.method.made_share if self.task.given else 1.0
        budget = self.method.retain_tokens
        given = self.streams["given"].take_tokens(self._lengths, int(budget * (1 - share)))
        made = self.streams["made"].take_tokens(self._lengths, int(budget * share))
        tokens = sum(self._lengths[i] - 1 for i in (*given, *made))
        kappa = TEACHERS_OWN if self.method.kappa is None else self.method.kappa
        return [
            Asked("retain", i, range(1, self._lengths[i]), weight / tokens, own)
            for own, rows in ((kappa, given), (IMITATE, made))
            for i in rows
        ]
