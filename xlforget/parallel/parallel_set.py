"""The parallel set: every fact in every language, as one file that can be reviewed, hash-pinned and read back.

The file holds personal data: it is written for its owner only, and errors about it name lines, never values.
"""

import hmac
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any, Literal, NoReturn, Self, TypeVar

import jsonlines
import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from xlforget.errors import UsageError
from xlforget.request.fact import Statement

FORMAT = "xlforget-parallel-set"
VERSION = 1

Role = Literal["train", "stop", "gate", "all"]
Status = Literal["ok", "warn", "review", "fail"]


class _Value(BaseModel):
    # hide_input: a message that quotes its input would carry text of a fact into a log.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Wording(Statement):
    """One way to say a fact. ``span``: the answer's [start, end) in code points; None: the whole sentence."""

    role: Role


class Pair(_Value):
    """One fact in one language. ``candidates``: other answers of the same type, with true answers left out.

    A pair with status ``review`` or ``fail`` may hold no wording; ``reason`` says why it is not ``ok``.
    """

    fact: str
    lang: str
    wordings: tuple[Wording, ...]
    candidates: tuple[str, ...] = Field(repr=False)
    relation: str | None
    status: Status
    reason: str = ""
    translator: str

    @property
    def usable(self) -> bool:
        """Whether the pair is trained, measured and gated."""
        return self.status in ("ok", "warn")

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


Model = TypeVar("Model", bound=_Value)


class _Header(_Value):
    format: Literal["xlforget-parallel-set"]
    version: Literal[1]
    languages: tuple[str, ...]
    salt: str = Field(pattern=r"^[0-9a-f]{64}$")
    translators: tuple[TranslatorInfo, ...]
    pairs: int = Field(ge=0)


class ParallelSet(_Value):
    """All pairs of a request. ``salt`` (32 random bytes in hex) stays in this file; the digest alone says nothing."""

    pairs: tuple[Pair, ...]
    languages: tuple[str, ...]
    salt: str = Field(default_factory=lambda: secrets.token_hex(32), pattern=r"^[0-9a-f]{64}$", repr=False)
    translators: tuple[TranslatorInfo, ...]

    @model_validator(mode="after")
    def _pairs_are_distinct(self) -> Self:
        if len({(pair.fact, pair.lang) for pair in self.pairs}) != len(self.pairs):
            raise ValueError("two pairs of one fact and language")
        if not {pair.lang for pair in self.pairs} <= set(self.languages):
            raise ValueError("a pair in a language that the set does not name")
        return self

    def usable(self) -> tuple[Pair, ...]:
        """The pairs that are trained, measured and gated: status ``ok`` or ``warn``."""
        return tuple(pair for pair in self.pairs if pair.usable)

    def digest(self) -> str:
        """HMAC-SHA256 in hex, under the salt, of the pairs in order as canonical JSON (RFC 8785)."""
        canonical = rfc8785.dumps([pair.model_dump(mode="json") for pair in self.pairs])
        return hmac.new(bytes.fromhex(self.salt), canonical, "sha256").hexdigest()

    def save(self, path: Path) -> None:
        """Write `to_bytes`, readable by the owner only (0600); never half a file."""
        _write_private(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """A header line and one line a pair, as JSON Lines."""
        header = _Header(
            format=FORMAT, version=VERSION, languages=self.languages, salt=self.salt,
            translators=self.translators, pairs=len(self.pairs),
        )  # fmt: skip
        rows = (value.model_dump_json() for value in (header, *self.pairs))
        return "".join(f"{row}\n" for row in rows).encode()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. UsageError PARALLEL_SET: not such a file, cut short, or changed by hand wrongly."""
        try:
            content = path.read_bytes()
        except OSError as error:
            _refuse(path.name, f"cannot be read ({error.strerror})")
        return cls.parse(content, path.name)

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """Read the content of such a file, called ``name`` in errors. Raises as `load` does."""
        rows = _read_rows(content, name)
        header = _parse(_Header, rows[0] if rows else {}, name, 1)
        pairs = tuple(_parse(Pair, row, name, line) for line, row in enumerate(rows[1:], start=2))
        if len(pairs) != header.pairs:
            _refuse(name, f"holds {len(pairs)} pairs and its header says {header.pairs}")
        try:
            return cls(pairs=pairs, languages=header.languages, salt=header.salt, translators=header.translators)
        except ValidationError as error:
            _refuse(name, str(error.errors(include_input=False, include_context=False)[0]["msg"]))


def _write_private(path: Path, content: bytes) -> None:
    # mkstemp creates with 0600; the rename makes the file appear whole.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _read_rows(content: bytes, name: str) -> list[Any]:
    try:
        return list(jsonlines.Reader(content.decode("utf-8").removesuffix("\n").split("\n")))
    except jsonlines.InvalidLineError as error:
        _refuse(name, f"line {error.lineno} is not JSON")
    except UnicodeDecodeError:
        _refuse(name, "is not UTF-8 text")
    except RecursionError:
        _refuse(name, "is nested too deep")


def _parse(model: type[Model], row: Any, name: str, line: int) -> Model:
    try:
        return model.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        _refuse(name, f"line {line}: {where}{': ' if where else ''}{first['msg']}")


def _refuse(name: str, why: str) -> NoReturn:
    # From None: the exception behind this one may quote the file.
    raise UsageError(
        f"{name}: {why}.",
        do="Give a parallel set that xlforget wrote, or write it again from the request.",
        code="PARALLEL_SET",
    ) from None
