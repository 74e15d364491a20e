"""Text to tokens: which token positions carry the answer, from character offsets alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xlforget.errors import MachineError, UsageError

Span = tuple[int, int] | None

# SentencePiece's mark of a space.
IN_FRONT = "▁"


@dataclass(frozen=True)
class Encoded:
    """One text as tokens. ``answer`` holds positions (1-based at the least: position 0 has no prediction).

    ``after`` is the first position behind the answer; equal to ``len(ids)`` where the answer closes the text.
    ``spill`` says that an answer token also covers characters outside the span. ``space``: how many tokens of nothing but space
    stand right before the answer: some tokenizers split off the space before digits, and others join it to the answer.
    ``front`` and ``back``: how many tokens at either end stand for no character of the text.
    """

    ids: tuple[int, ...]
    answer: tuple[int, ...]
    spill: bool = False
    space: int = 0
    front: int = 0
    back: int = 0

    @property
    def inner(self) -> tuple[int, ...]:
        """The tokens of the text itself."""
        return self.ids[self.front : len(self.ids) - self.back]

    @property
    def before(self) -> tuple[int, ...]:
        """Positions that are predicted before the answer begins."""
        return tuple(range(1, self.answer[0])) if self.answer else tuple(range(1, len(self.ids)))

    @property
    def after(self) -> int:
        return self.answer[-1] + 1 if self.answer else len(self.ids)


class Unencodable(UsageError):
    """A text that this model cannot hold; ``code`` says why (TOO_LONG, UNKNOWN_TOKEN, NO_PREDICTION, OFFSETS)."""


class Encoder:
    """A tokenizer and the length that its model can read."""

    def __init__(self, tokenizer: Any, context: int) -> None:
        if not tokenizer.is_fast:
            raise MachineError(
                "The model's tokenizer gives no character offsets, so answer spans cannot be located.",
                do="Use a model whose tokenizer loads as a fast tokenizer (tokenizer.json).",
                code="SLOW_TOKENIZER",
            )
        self.tokenizer = tokenizer
        self.context = context

    def encode(self, text: str, span: Span) -> Encoded:
        """Tokenise ``text`` and mark the tokens that overlap ``span`` (code points; None: the whole text).

        Raises Unencodable; its message never holds the text.
        """
        (found,) = self.encode_all([(text, span)])
        if isinstance(found, Unencodable):
            raise found
        return found

    def encode_all(self, texts: Sequence[tuple[str, Span]]) -> list[Encoded | Unencodable]:
        """As `encode`, in one call of the tokenizer; what cannot be encoded has its error in its place."""
        if not texts:
            return []
        batch = self.tokenizer([text for text, _ in texts], return_offsets_mapping=True, verbose=False)
        found: list[Encoded | Unencodable] = []
        for (text, span), ids, offsets in zip(texts, batch["input_ids"], batch["offset_mapping"], strict=True):
            try:
                found.append(self._mark(text, span, ids, offsets))
            except Unencodable as error:
                found.append(error)
        return found

    def _mark(self, text: str, span: Span, ids: Sequence[int], offsets: Sequence[tuple[int, int]]) -> Encoded:
        if len(ids) > self.context:
            raise Unencodable(f"{len(ids)} tokens; the model reads {self.context}.", code="TOO_LONG")
        if not _covers(text, offsets):
            raise Unencodable("The tokenizer's offsets do not cover the text.", code="OFFSETS")
        start, end = span if span is not None else (0, len(text))
        covering = [i for i, (a, b) in enumerate(offsets) if a < end and b > start and b > a and _ink(text, a, b, start, end)]
        marked = [i for i in covering if not self._in_front(i, ids, offsets)]
        answer = tuple(i for i in marked if i > 0)
        if not answer or (span is not None and len(answer) < len(marked)):
            raise Unencodable("The answer stands where the model predicts nothing.", code="NO_PREDICTION")
        if self.tokenizer.unk_token_id is not None and any(ids[i] == self.tokenizer.unk_token_id for i in answer):
            raise Unencodable("The answer holds characters that the model's vocabulary lacks.", code="UNKNOWN_TOKEN")
        spill = any(text[offsets[i][0] : start].strip() or text[end : offsets[i][1]].strip() for i in (marked[0], marked[-1]))
        a, b = offsets[marked[0] - 1] if marked[0] else (0, 0)
        space, (front, back) = int(b > a and not text[a:b].strip()), _marks(offsets)
        return Encoded(tuple(ids), answer, spill, space, front, back)

    def _in_front(self, i: int, ids: Sequence[int], offsets: Sequence[tuple[int, int]]) -> bool:
        """Whether a token is the space that a tokenizer puts before a text: it has the offsets of the text's first character."""
        if offsets[i][0] or i + 1 == len(ids) or offsets[i + 1][0]:
            return False
        return bool(self.tokenizer.convert_ids_to_tokens(ids[i]) == IN_FRONT)


def _marks(offsets: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """How many tokens at the beginning and at the end stand for no character."""
    front, back = (next(i for i, (a, b) in enumerate(own) if b > a) for own in (offsets, reversed(offsets)))
    return front, back


def _ink(text: str, a: int, b: int, start: int, end: int) -> bool:
    return bool(text[max(a, start) : min(b, end)].strip())


def _covers(text: str, offsets: Sequence[tuple[int, int]]) -> bool:
    """Every non-blank character lies in a token (old tokenizers returned offsets with holes)."""
    reached = 0
    for a, b in offsets:
        if b > a:
            if a > reached and text[reached:a].strip():
                return False
            if b > reached:
                reached = b
    return not text[reached:].strip()
