"""A file of unknown make as numbered JSON objects, or what is wrong with each line of it.

Nothing is believed about the file: it may be binary, without line ends, nested a million deep, or endless.
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

import jsonlines

from xlforget.errors import Problem

MAX_LINE = 1 << 20  # bytes; a fact is a sentence, not a book
MAX_PROBLEMS = 1000  # a file in which every line is wrong is one mistake, and may be very long
_CHUNK = 1 << 16
_BOM = b"\xef\xbb\xbf"
_BINARY = "is not text: it holds NUL bytes; give a JSON Lines file in UTF-8 (a file saved as UTF-16 looks so too)"
_HAS_BOM = (
    "starts with a byte order mark; save the file as UTF-8 without BOM, or remove it with: "
    r"sed -i 's/^\xEF\xBB\xBF//' FILE"
)


class NotText(Exception):
    """A binary file: what was found in it before means nothing."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.problem = Problem(line, "BINARY_FILE", _BINARY)


class _DuplicateKey(ValueError):
    """A key that stands twice in one object: two readers would read two different records."""


class _HalfCharacter(ValueError):
    """A string with half of a surrogate pair: no text, and nothing that UTF-8 can write."""


class Lines:
    """The objects of a JSON Lines file with their 1-based line numbers; blank lines are passed over.

    What is wrong with a line goes to ``problems``, the caller's own finds too, and the reading goes on up to
    MAX_PROBLEMS. Raises NotText.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._line = 0

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        with jsonlines.Reader(self._texts(), loads=lambda text: _loads(str(text))) as reader:
            while True:
                try:
                    value = reader.read(allow_none=True, skip_empty=True)
                except EOFError:
                    return
                except jsonlines.InvalidLineError as error:
                    # Its message and its `line` quote the file; only what kind of error it was is taken.
                    self._bad_json(error.__cause__)
                    continue
                if isinstance(value, dict):
                    yield self._line, value
                else:
                    self._problem("NOT_AN_OBJECT", "is not a JSON object {...}")

    def _texts(self) -> Iterator[str]:
        """The lines that are text of a sensible length, one in memory at a time."""
        while len(self.problems) < MAX_PROBLEMS and (raw := self._file.readline(MAX_LINE + 1)):
            self._line += 1
            if b"\0" in raw:
                raise NotText(self._line)
            if len(raw) > MAX_LINE and not raw.endswith(b"\n"):
                self._problem("LINE_TOO_LONG", f"is longer than {MAX_LINE} bytes; one record stands on each line")
                self._skip_line()
                continue
            if raw.startswith(_BOM):
                self._problem("BOM", _HAS_BOM)
                raw = raw.removeprefix(_BOM)
            try:
                yield raw.decode("utf-8")
            except UnicodeDecodeError as error:
                self._problem("NOT_UTF8", f"is not UTF-8 (byte {error.start + 1}); save the file as UTF-8")

    def _skip_line(self) -> None:
        while (chunk := self._file.readline(_CHUNK)) and not chunk.endswith(b"\n"):
            if b"\0" in chunk:
                raise NotText(self._line)

    def _bad_json(self, cause: BaseException | None) -> None:
        if isinstance(cause, _DuplicateKey):
            self._problem("DUPLICATE_KEY", "has a key twice in one object")
        elif isinstance(cause, _HalfCharacter):
            self._problem("BAD_UNICODE", r"holds half of a surrogate pair (\ud800 to \udfff), which is no character")
        else:
            place = f" (character {cause.pos + 1})" if isinstance(cause, json.JSONDecodeError) else ""
            self._problem("BAD_JSON", f"is not valid JSON{place}")

    def _problem(self, code: str, message: str) -> None:
        self.problems.append(Problem(self._line, code, message))


def _loads(text: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
        if "\\u" in text:  # the bytes were UTF-8, so only an escape can hide one
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None
    except UnicodeEncodeError:
        raise _HalfCharacter from None
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise _DuplicateKey
    return read


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
