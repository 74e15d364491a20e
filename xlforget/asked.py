"""What a command was asked, as plain values."""

from dataclasses import dataclass, field
from pathlib import Path

from xlforget.parallel.prepare import Wanted
from xlforget.parallel.translators.engine import EngineOptions
from xlforget.unlearn.methods import METHODS, Method


@dataclass(frozen=True)
class Apply:
    """What `xlforget apply` was asked. ``languages`` () means all that the request can be had in.

    ``parallel``: a reviewed parallel set, in place of wording the request; ``skip_unreviewed``: leave its undecided rows out.
    """

    request: str
    model: str
    out: Path
    key: Path
    passphrase: bytes | None = None
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
    method: Method = METHODS["adaptive"]
    samples: int = 8192
    seed: int = 0
    ticket: str | None = None
    keep: Path | None = None
    fresh: bool = False
    overwrite: bool = False
    device: str = "auto"

    @property
    def wanted(self) -> Wanted:
        """How the request gets into other languages."""
        return Wanted(
            self.languages, self.leave_out, self.translator, self.options, self.translations, self.paraphrases, self.seed
        )  # fmt: skip


@dataclass(frozen=True)
class Verify:
    """What `xlforget verify` was asked. ``evidence``: measure again with this bundle."""

    folder: Path
    key: Path
    ticket: str | None = None
    evidence: Path | None = None
    device: str = "auto"
