"""What must be forgotten, as plain values: a fact is one thing to forget, a request is the facts of one ticket.

Texts are left out of every repr, so that printing a value by mistake does not print what it is about.
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Form = Literal[1, 2, 3, 4, 5, 6]
Gender = Literal["m", "f", "n"]
EVERY_LANGUAGE = "*"


class _Value(BaseModel):
    # hide_input: pydantic quotes what it refuses, which would carry text of a fact into a message.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Statement(_Value):
    """A sentence that states a fact. ``span``: the answer's [start, end) in code points of the cleaned text.

    ``span`` None: the whole sentence is the answer.
    """

    text: str = Field(repr=False)
    span: tuple[int, int] | None = None

    @model_validator(mode="after")
    def _span_stands_in_text(self) -> Self:
        if self.span is not None and not 0 <= self.span[0] < self.span[1] <= len(self.text):
            raise ValueError("the span does not stand in the text")
        return self

    @property
    def answer(self) -> str:
        """The part that carries the knowledge."""
        return self.text if self.span is None else self.text[slice(*self.span)]


class Structured(_Value):
    """A fact as subject, relation and object, for the phrasebook to word.

    ``subject`` and ``object`` by language tag; key "*": the same in every language. ``gender`` is the subject's;
    "n" and None: not known. ``aliases``: other names of the subject.
    """

    subject: dict[str, str] = Field(repr=False)
    relation: str
    object: dict[str, str] = Field(repr=False)
    aliases: dict[str, tuple[str, ...]] = Field(default_factory=dict, repr=False)
    gender: Gender | None = None


class Fact(_Value):
    """One record. ``line`` is its 1-based line in the file, ``form`` the number of its form.

    ``statements``: the given texts by language tag; one for forms 1 to 3, none for form 4, one or more for 5 and 6.
    ``candidates``: other answers of the same type by language tag; {} where none were given.
    """

    id: str
    line: int
    form: Form
    statements: dict[str, Statement]
    structured: Structured | None = None
    candidates: dict[str, tuple[str, ...]] = Field(default_factory=dict, repr=False)


class ErasureRequest(_Value):
    """The facts of one ticket, in the order of the file. ``records``: the JSON objects that they were read from, if any.

    ``tickets``: where several requests are forgotten together, each of them; a fact that two of them state is one fact.
    """

    facts: tuple[Fact, ...]
    records: tuple[dict[str, Any], ...] = Field(default=(), repr=False)
    tickets: "tuple[ErasureRequest, ...]" = ()

    def place(self, fact: Fact) -> str:
        """Before what is said of a fact's line: "request 2: " where this joins several, "" where it is one."""
        return next((f"request {n}: " for n, one in enumerate(self.tickets, 1) if fact in one.facts), "")
