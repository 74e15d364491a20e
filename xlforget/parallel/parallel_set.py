"""The parallel set: every fact in every language, as one file that can be reviewed, hash-pinned and read back.

The file holds personal data: it is written for its owner only, and errors about it name lines, never values.
"""

import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, NoReturn, Self, TypeVar

import jsonlines
import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from xlforget.errors import UsageError
from xlforget.parallel.pair import Pair, Role, Status, TranslatorInfo, Wording
from xlforget.parallel.rows import Row, from_row, sealed, to_row

__all__ = ["Pair", "ParallelSet", "Role", "Status", "TranslatorInfo", "Wording"]

FORMAT = "xlforget-parallel-set"
VERSION = 2


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


Model = TypeVar("Model", bound=BaseModel)


# Stands in rows that no translator could write.
NOBODY = TranslatorInfo(name="", version="", licence="")


class _Header(_Value):
    format: Literal["xlforget-parallel-set"]
    version: Literal[2]
    languages: tuple[str, ...]
    salt: str = Field(pattern=r"^[0-9a-f]{64}$")
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
        if len({info.name for info in self.translators}) != len(self.translators):
            raise ValueError("rows of one backend that name different models")
        if not {pair.translator for pair in self.pairs} - {""} <= {info.name for info in self.translators}:
            raise ValueError("a row by a translator that the set does not name")
        return self

    def usable(self) -> tuple[Pair, ...]:
        """The pairs that are trained, measured and gated: status ``ok`` or ``warn``."""
        return tuple(pair for pair in self.pairs if pair.usable)

    def only(self, facts: Collection[str]) -> Self:
        """The rows of these facts, under the same salt."""
        pairs = tuple(pair for pair in self.pairs if pair.fact in facts)
        names = {pair.translator for pair in pairs}
        languages = tuple(lang for lang in self.languages if any(pair.lang == lang for pair in pairs))
        infos = tuple(info for info in self.translators if info.name in names)
        return type(self)(pairs=pairs, languages=languages, salt=self.salt, translators=infos)

    def exchanged(self, pair: Pair) -> Self:
        """The same set with another row for that fact and language."""
        place = pair.fact, pair.lang
        pairs = tuple(pair if (old.fact, old.lang) == place else old for old in self.pairs)
        return type(self).model_validate({**dict(self), "pairs": pairs})

    def digest(self) -> str:
        """HMAC-SHA256 in hex, under the salt, of the rows in order as canonical JSON (RFC 8785)."""
        return hmac.new(bytes.fromhex(self.salt), rfc8785.dumps(self._rows()), "sha256").hexdigest()

    def _rows(self) -> list[dict[str, Any]]:
        infos = {info.name: info for info in self.translators}
        return [to_row(pair, infos.get(pair.translator, NOBODY)) for pair in self.pairs]

    def save(self, path: Path) -> None:
        """Write `to_bytes`, readable by the owner only (0600); never half a file."""
        _write_private(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """A header line and one line a pair, as JSON Lines."""
        header = _Header(format=FORMAT, version=VERSION, languages=self.languages, salt=self.salt, pairs=len(self.pairs))
        key = bytes.fromhex(self.salt)
        rows = [header.model_dump(mode="json"), *(sealed(row, key) for row in self._rows())]
        return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()

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
        read = [_pair(row, header, name, line) for line, row in enumerate(rows[1:], start=2)]
        if len(read) != header.pairs:
            _refuse(name, f"holds {len(read)} pairs and its header says {header.pairs}")
        infos = tuple(dict.fromkeys(info for _, info in read if info != NOBODY))
        try:
            pairs = tuple(pair for pair, _ in read)
            return cls(pairs=pairs, languages=header.languages, salt=header.salt, translators=infos)
        except ValidationError as error:
            _refuse(name, str(error.errors(include_input=False, include_context=False)[0]["msg"]))


def _pair(given: Any, header: _Header, name: str, line: int) -> tuple[Pair, TranslatorInfo]:
    row = _parse(Row, given, name, line)
    try:
        return from_row(row, given, bytes.fromhex(header.salt))
    except ValidationError as error:
        _refuse(name, f"line {line}: {error.errors(include_input=False, include_context=False)[0]['msg']}")
    except ValueError as error:
        _refuse(name, f"line {line}: {error}")


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
