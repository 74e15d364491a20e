"""One fact in one language, as a value: its wordings, where they came from, and what was found when they were checked.

Texts are left out of every repr, votes included: they are what a fact says.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from xlforget.request.fact import Statement

Role = Literal["train", "stop", "gate", "all"]
Status = Literal["ok", "warn", "review", "fail"]
Decision = Literal["", "accepted", "edited", "dropped"]
# Worst last: a pair is as good as its worst check.
ORDER: tuple[Status, ...] = ("ok", "warn", "review", "fail")


class _Value(BaseModel):
    # hide_input: a message that quotes its input would carry text of a fact into a log.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Wording(Statement):
    """One way to say a fact. ``span``: the answer's [start, end) in code points; None: the whole sentence."""

    role: Role


class Source(Statement):
    """The statement that a wording was translated from."""

    lang: str


class Check(_Value):
    """One check of a translation. ``value``: its figure, where it has one (a share, a ratio, a chrF)."""

    name: str
    outcome: Status
    value: float | None = None


class Pair(_Value):
    """One fact in one language. ``candidates``: other answers of the same type, with true answers left out.

    A pair with status ``review`` or ``fail`` may hold no wording; ``reason`` says why it is not ``ok``. ``unplaced``: a
    translation in which the answer could not be found for certain. ``votes``: where each way of finding it put the answer.
    ``back``: the translation in the source's language again. ``decision``: what a person decided, if one looked.
    """

    fact: str
    lang: str
    wordings: tuple[Wording, ...]
    candidates: tuple[str, ...] = Field(repr=False)
    relation: str | None
    status: Status
    reason: str = ""
    translator: str
    source: Source | None = None
    back: str = Field("", repr=False)
    unplaced: str = Field("", repr=False)
    votes: dict[str, str] = Field(default_factory=dict, repr=False)
    checks: tuple[Check, ...] = ()
    decision: Decision = ""

    @property
    def usable(self) -> bool:
        """Whether the pair is trained, measured and gated."""
        return self.status in ("ok", "warn")

    @property
    def undecided(self) -> bool:
        """Whether a person has to look at it: it cannot be used, and nobody said that it shall be left out."""
        return not self.usable and self.decision != "dropped"

    @model_validator(mode="after")
    def _usable_pairs_have_wordings(self) -> Self:
        if self.usable and not self.wordings:
            raise ValueError("a usable pair without a wording")
        return self


class TranslatorInfo(_Value):
    """Who wrote the wordings, for the audit: backend, the model it ran (if any), its version or revision, its licence."""

    name: str
    model: str = ""
    version: str
    licence: str


def worst(checks: tuple[Check, ...]) -> Status:
    """The status of a pair with these checks."""
    return max((check.outcome for check in checks), key=ORDER.index, default="ok")
