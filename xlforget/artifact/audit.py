"""The audit: what was asked, done, measured and not shown. Its JSON (camelCase) is what is signed; HTML is a rendering.

It never holds a fact, a prompt, a user's id or a path: facts appear under random ids, counts and figures only.
Reading, writing and the JSON Schema of it: ``audit_file``.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from xlforget.artifact.commitments import Commitment
from xlforget.measure.judge import worst
from xlforget.measure.verdict import Outcome, Verdict

# The check of a batch's verdict that looks at the tickets one by one.
TICKETS = "tickets"
Result = Literal["passed", "failed", "nothing memorised"]

SHOWN = (
    "The figures of the model after the change were measured on its files as read back from disk.",
    "Each fact was measured in every language listed as unlearned, one by one and not only on average.",
    "Each test was also run on the model before the change; a test that could not have found the facts there is not "
    "counted as a pass.",
)
NOT_SHOWN = (
    "The change is approximate: the model was not trained again from the start without the facts.",
    "The tests show what these tests, with the access they assume, could find on the date of this report. They are "
    "not proof that no other way of asking brings a fact back.",
    "The report and its signatures show who vouches for these figures and for which files. By themselves they do not "
    "show that the figures were measured on these weights; measuring again with the evidence bundle does.",
    "No attack beyond the tests listed was run: no longer training, no search for other ways of asking.",
    "It does not show that the model holds no personal data.",
    "Languages that are not listed are not part of the result; at most a warning speaks of them. Copies of the model from before "
    "the change still hold the facts.",
    "This report is a technical statement. It is not legal advice and decides nothing about legal duties.",
)
COPIES = (
    "The model before the change, and older checkpoints of it",
    "Quantised, converted, merged or further trained models that derive from it",
    "Training data, tokenised caches and backups that hold the facts",
    "Caches of prompts and answers in systems that served the model",
    "The erasure request, the parallel set and the evidence bundle themselves",
)


def _no_path(text: str) -> str:
    """A name, not a place on somebody's machine."""
    if re.search(r"^(~[^/\\]*)?[/\\]|^[A-Za-z]:[\\/]|(^|[/\\])\.\.([/\\]|$)|[\x00-\x1f]", text):
        raise ValueError("a path or control character where a name belongs")
    return text


def _whole_second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_no_path)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
TICKET_FORM = r"^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,127}$"
Ticket = Annotated[str, StringConstraints(pattern=TICKET_FORM)]
OpaqueId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Count = Annotated[int, Field(ge=0)]
Moment = Annotated[
    AwareDatetime,
    AfterValidator(_whole_second),
    PlainSerializer(_rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Counts = dict[Name, Count]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
    )


class Tool(_Part):
    """What wrote the report; ``source`` is the SHA-256 over its code."""

    name: Name
    version: Name
    source: Sha256


class Environment(_Part):
    """What the run used. No host or user names."""

    python: Name
    torch: Name
    transformers: Name
    device: Name
    threads: Count
    precision: Name


class Model(_Part):
    """A model by the SHA-256 of its files. ``licence``: as its own card states it."""

    name: Name
    files: dict[Name, Sha256]
    licence: Name | None = None


class Tokenizer(_Part):
    """The tokenizer, unchanged between base and output."""

    kind: Name
    entries: Count


class LeftOut(_Part):
    """A language that the model speaks and that was not unlearned, and why."""

    language: Name
    reason: Name


class Request(_Part):
    """The erasure request in counts. ``pairs_in_review``: pairs left out because a person has to look at them first.

    ``pairs_unusable``: pairs left out because no usable text was had; ``pairs_dropped``: because a person said so.
    """

    facts: Count
    pairs: Count
    per_form: Counts
    languages_unlearned: tuple[Name, ...]
    languages_only_tested: tuple[Name, ...] = ()
    languages_left_out: tuple[LeftOut, ...] = ()
    pairs_in_review: Count = 0
    pairs_unusable: Count = 0
    pairs_dropped: Count = 0

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms of fact that a policy speaks of; records of form 5 may be of two, and say nothing."""
        spoken = {"1": "answer", "2": "answer", "3": "sentence", "4": "structured", "6": "answer"}
        numbers = (name.removeprefix("form ") for name, count in self.per_form.items() if count)
        return tuple(dict.fromkeys(spoken[number] for number in numbers if number in spoken))


class Translator(_Part):
    """What wrote facts in other languages. ``model``: what the backend ran, where it names one."""

    name: Name
    model: Name | None = None
    version: Name
    licence: Name


class ParallelSet(_Part):
    """The reviewed facts in all languages, by a keyed digest whose random key stays in the set.

    ``accepted``, ``edited``: pairs in use that a person looked at, and let stand or wrote.
    """

    digest: Sha256
    algorithm: Literal["HMAC-SHA256"] = "HMAC-SHA256"
    pairs: Count
    warned: Count = 0
    accepted: Count = 0
    edited: Count = 0
    translators: tuple[Translator, ...]


class Method(_Part):
    """How the model was changed. ``seconds``: wall-clock time of the change alone."""

    name: Name
    parameters: dict[Name, Name | int | float | bool]
    seed: int
    rounds: Count
    steps: Count
    seconds: Annotated[float, Field(ge=0)]


class Data(_Part):
    """Text used beside the facts, in rows: by source and language, controls by split and language."""

    retain: dict[Name, Counts]
    unseen: dict[Name, Counts]
    controls: dict[Name, Counts]
    thresholds: str


class BeforeAfter(_Part):
    """One figure of the base model and of the changed one."""

    before: float
    after: float


class PairFigures(_Part):
    """One fact in one language: MA in tenths. Finer figures would let anybody with the model confirm a guessed fact."""

    ma: BeforeAfter
    memorised_before: bool


class FactFigures(_Part):
    """One fact under a random id; only the keeper of the evidence bundle can tell which it is."""

    id: OpaqueId
    languages: dict[Name, PairFigures]


class Utility(_Part):
    """What the change cost in one language. ``perplexity``: on unseen text; the others are memorization accuracies."""

    language: Name
    perplexity: BeforeAfter | None = None
    retain: BeforeAfter | None = None
    unseen: BeforeAfter | None = None
    bystanders: BeforeAfter | None = None


class Residues(_Part):
    """What may still hold the facts. ``tokenizer_entries``: fact strings that are single entries of the vocabulary."""

    work_folder_removed: bool
    tokenizer_entries: Count
    copies: tuple[str, ...] = COPIES


class Batch(_Part):
    """Where the request was one of several that were forgotten in one run: what the gate said of all of them together.

    ``smallest_leak``: so many facts left whole, of whichever request, the gate's tests would have found.
    """

    gate: Result
    smallest_leak: Count | None


class TicketReport(_Part):
    """One ticket of a batch, and its report: SHA-256 of ``tickets/N/audit.dsse.json``, N being its place in the list."""

    ticket: Ticket
    audit: Sha256


class Parent(_Part):
    """The report of the run before this one: SHA-256 of its ``audit.dsse.json``, and the key that signed it."""

    audit: Sha256
    key: Sha256
    tickets: tuple[Ticket, ...] = ()


class Former(_Part):
    """An earlier run whose facts were tested on this model again. ``held``: all tests that it passed then hold now."""

    audit: Sha256
    tickets: tuple[Ticket, ...] = ()
    tests: Count
    held: Count


class Audit(_Part):
    """The whole report. ``output`` is None where no model was written: the gate failed, or there was nothing to do.

    ``evidence``: SHA-256 of the evidence bundle that was kept. It holds a random salt, so the digest tells nothing of it.
    ``sealed_to``: fingerprint of the key that opens it, where it was kept sealed. ``commitment``: where openings were
    written. ``parent`` and ``former``: the tickets before this one. Version 1 knew none of these three.

    ``tickets``: the tickets of a batch, whose own reports lie beside this one. Such a report has ``batch``; its verdict
    is that of its own facts and checks, its result the gate's over all.
    """

    schema_version: Literal["1", "2"] = "2"
    result: Result
    created_at: Moment
    ticket: Ticket | None = None
    tool: Tool
    environment: Environment
    base: Model
    output: Model | None
    tokenizer: Tokenizer
    request: Request
    parallel_set: ParallelSet
    method: Method
    data: Data
    verdict: Verdict
    facts: tuple[FactFigures, ...]
    utility: tuple[Utility, ...]
    residues: Residues
    evidence: Sha256 | None = None
    sealed_to: Sha256 | None = None
    commitment: Commitment | None = None
    parent: Parent | None = None
    former: tuple[Former, ...] = ()
    tickets: tuple[TicketReport, ...] = ()
    batch: Batch | None = None
    shown: tuple[str, ...] = SHOWN
    not_shown: tuple[str, ...] = NOT_SHOWN

    @model_validator(mode="after")
    def _result_is_the_verdict(self) -> Self:
        if self.result != (self.batch.gate if self.batch else result_of(self.verdict)):
            raise ValueError("the result is not what the verdict says")
        if self.batch and self.result != "failed" and self.own_outcome is Outcome.FAIL:
            raise ValueError("a request that fails alone in a batch that passed")
        if len(set(self.names)) != len(self.names) or (self.ticket and self.tickets):
            raise ValueError("two reports of one ticket, or a batch with a ticket of its own")
        if self.result == ("failed" if self.output else "passed"):
            raise ValueError("a model that passed is written, one that failed never is")
        if len({fact.id for fact in self.facts}) != len(self.facts):
            raise ValueError("two facts under one id")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The tickets that the report is about; () where it was given none."""
        return (*([self.ticket] if self.ticket else []), *(one.ticket for one in self.tickets))

    @property
    def own_outcome(self) -> Outcome:
        """How the tests of the report's own facts ended: the worst of them."""
        return worst([test.outcome for test in self.verdict.tests])


def result_of(verdict: Verdict) -> Result:
    """The one word of the report."""
    if not verdict.passed:
        return "failed"
    return "nothing memorised" if verdict.nothing_memorised else "passed"
