"""What a machine translator is to this project: sentences in, sentences out, and what it says of its own work."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from xlforget.errors import UsageError
from xlforget.parallel.pair import TranslatorInfo

OPEN, CLOSE = "<a>", "</a>"


@dataclass(frozen=True)
class EngineOptions:
    """What the user said of the machine. ``model``: a folder, or a name at the endpoint; ``accept_licence``: its SPDX id,
    where the licence forbids some uses; ``allow_remote``: the request may leave this machine."""

    model: str = ""
    endpoint: str = ""
    accept_licence: str = ""
    allow_remote: bool = False
    device: str = "auto"

    def required(self, name: str, option: str) -> str:
        """The option's value. Raises UsageError where it was not given."""
        value: str = getattr(self, name)
        if not value:
            raise UsageError("This translator needs to be told more.", do=f"Give {option}.", code="NO_TRANSLATOR")
        return value

    @property
    def accepted(self) -> frozenset[str]:
        """Licences that were accepted by name."""
        return frozenset({self.accept_licence}) - {""}


@dataclass(frozen=True)
class Translation:
    """One sentence in the target language. A repr shows none of its text.

    ``ended``: the machine came to an end by itself, and was not cut off. ``score``: its own mean log-probability per token
    (nats), None where it has none. ``unknown``: it met a word that it does not know.
    """

    text: str = field(repr=False)
    ended: bool = True
    score: float | None = None
    unknown: bool = False


class Engine(Protocol):
    """One machine translator, chosen by ``name``. The same call gives the same sentences.

    Engines translate; whether a translation may be used is decided elsewhere, by spans and checks.
    """

    @property
    def name(self) -> str: ...

    def info(self) -> TranslatorInfo:
        """Backend, model, revision and licence, for the start-up line, the parallel set and the audit."""
        ...

    def lacks(self, source: str, targets: Sequence[str]) -> tuple[str, ...]:
        """Those of ``targets`` (BCP-47) that cannot be had from ``source``; asked once, before any work."""
        ...

    def translate(self, texts: Sequence[str], source: str, target: str, *, marked: bool = False) -> list[Translation]:
        """Each text in the target language, in order, one for each, each one sentence.

        ``marked``: each text holds one `OPEN`..`CLOSE` pair around its answer, which the translation should hold too (an
        engine that cannot keep markup returns what it gets; the caller counts the pairs). Raises MachineError where the
        backend fails, UsageError for a text that it must not be given; neither with text of a fact.
        """
        ...


@runtime_checkable
class Rewords(Protocol):
    """An engine that can also say a sentence otherwise in its own language."""

    def reword(self, texts: Sequence[str], lang: str, count: int, *, marked: bool = False) -> list[tuple[Translation, ...]]:
        """Up to ``count`` other ways to say each text; none where the answer is not clean. Raises MachineError."""
        ...
