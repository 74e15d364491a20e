"""What a command was asked, as plain values."""

from dataclasses import dataclass, field
from pathlib import Path

from xlforget.artifact.attestation import Trusted
from xlforget.parallel.prepare import Wanted
from xlforget.parallel.translators.engine import EngineOptions
from xlforget.unlearn.memory import PLAIN, Memory
from xlforget.unlearn.methods import METHODS, Method


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request and a model, as every command asks that looks at both. ``languages`` () means all that it can be had in.

    ``parallel``: a reviewed parallel set, in place of wording the request; ``skip_unreviewed``: leave its undecided rows out.
    ``policy``: what a model must hold to pass, in place of the shipped one.
    """

    requests: tuple[str, ...]
    model: str
    languages: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    translator: str = ""
    options: EngineOptions = field(default_factory=EngineOptions)
    translations: tuple[str, ...] = ()
    paraphrases: int = 2
    parallel: Path | None = None
    skip_unreviewed: bool = False
    retain: str | None = None
    unseen: str | None = None
    policy: Path | None = None
    profile: str = "standard"
    seed: int = 0
    device: str = "auto"

    @property
    def wanted(self) -> Wanted:
        """How the request gets into other languages."""
        return Wanted(
            self.languages, self.leave_out, self.translator, self.options, self.translations, self.paraphrases, self.seed
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Apply(Question):
    """What `xlforget apply` was asked.

    ``requests`` and ``tickets``: several requests are forgotten together, with a ticket each, in their order.
    ``key`` None: signed through Sigstore. ``teacher``: another model to learn from, "" for the model itself.
    ``parent_key``: who signed the model, where this tool wrote it; ``former``: evidence of the tickets before this one.
    """

    out: Path
    key: Path | None
    passphrase: bytes | None = None
    certificate: Path | None = None
    method: Method = METHODS["adaptive"]
    teacher: str = ""
    memory: Memory = PLAIN
    samples: int = 8192
    tickets: tuple[str, ...] = ()
    keep: Path | None = None
    seal_to: Path | None = None
    openings: Path | None = None
    parent_key: Path | None = None
    former: tuple[Path, ...] = ()
    unseal: Path | None = None
    unseal_passphrase: bytes | None = None
    fresh: bool = False
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Measure(Question):
    """What `xlforget measure` was asked. ``base``: the model before, to judge ``model`` by; None: tell what ``model`` knows."""

    base: str | None = None


@dataclass(frozen=True)
class Verify:
    """What `xlforget verify` was asked. ``evidence``: measure again with this bundle, ``unseal``: the key that opens it.

    ``policy``: hold the signed figures to this one, too.
    ``opening`` and ``fact``: files of openings and of records; each record must be one that was committed to.
    """

    folder: Path
    key: Trusted
    ticket: str | None = None
    evidence: Path | None = None
    unseal: Path | None = None
    unseal_passphrase: bytes | None = None
    earlier_keys: tuple[Path, ...] = ()
    former: tuple[Path, ...] = ()
    opening: Path | None = None
    fact: str | None = None
    policy: Path | None = None
    device: str = "auto"
