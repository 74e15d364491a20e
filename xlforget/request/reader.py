"""Requests and text files from JSON Lines: all of a file is read, and all that is wrong with it is said at once."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from xlforget.errors import Problem, RequestError
from xlforget.request.clean import clean
from xlforget.request.fact import ErasureRequest, Fact
from xlforget.request.faults import Faults
from xlforget.request.joined import join
from xlforget.request.lines import MAX_PROBLEMS, Lines, NotText
from xlforget.request.records import to_fact

STDIN = "-"


def read_request(path: Path | str, *, require_ids: bool = True) -> ErasureRequest:
    """The facts of a request file, or of standard input where ``path`` is "-".

    Without ``require_ids`` a record without an id is called after its line ("#3"). Raises RequestError.
    """
    records: list[dict[str, Any]] = []
    facts = _read(path, require_ids=require_ids, plain=False, records=records)
    return ErasureRequest(facts=facts, records=tuple(records))


def read_requests(paths: Sequence[Path | str]) -> ErasureRequest:
    """One request, or several joined. Raises RequestError for the first file that has a problem, or an id of one before it."""
    requests = [(_name(path), read_request(path)) for path in paths]
    return requests[0][1] if len(requests) == 1 else join(requests)


def read_texts(path: Path | str | BinaryIO) -> tuple[Fact, ...]:
    """Retain or unseen text from a file, standard input or an open stream.

    The forms of a request with optional ids, and plain rows {"text", "lang"?}; a row without a language is in "und".
    Raises RequestError.
    """
    return _read(path, require_ids=False, plain=True)


def _read(
    path: Path | str | BinaryIO, *, require_ids: bool, plain: bool, records: list[dict[str, Any]] | None = None
) -> tuple[Fact, ...]:
    """``records``: takes the JSON objects as they stand in the file."""
    name = _name(path)
    try:
        with _opened(path) as file:
            facts, problems = _facts(Lines(file), require_ids=require_ids, plain=plain, records=records)
    except NotText as error:
        raise RequestError(name, [error.problem]) from None
    except OSError as error:
        raise RequestError(name, [_unreadable(error)], do="Name a file in the JSON Lines format.") from None
    if not facts and not problems:
        problems = [Problem(None, "EMPTY_FILE", "holds no record")]
    if problems:
        raise RequestError(name, list(dict.fromkeys(problems)))
    return tuple(facts)


def _name(path: Path | str | BinaryIO) -> str:
    if isinstance(path, Path | str):
        return "standard input" if str(path) == STDIN else str(path)
    return "rows"


@contextmanager
def _opened(path: Path | str | BinaryIO) -> Iterator[BinaryIO]:
    if not isinstance(path, Path | str):
        yield path
    elif str(path) == STDIN:
        yield sys.stdin.buffer
    else:
        with Path(path).open("rb") as file:
            yield file


def _unreadable(error: OSError) -> Problem:
    if isinstance(error, FileNotFoundError):
        return Problem(None, "NO_FILE", "there is no such file")
    if isinstance(error, IsADirectoryError):
        return Problem(None, "DIRECTORY", "is a directory, not a file")
    return Problem(None, "UNREADABLE", f"cannot be read ({error.strerror})")


def _facts(
    lines: Lines, *, require_ids: bool, plain: bool, records: list[dict[str, Any]] | None
) -> tuple[list[Fact], list[Problem]]:
    facts: list[Fact] = []
    line_of: dict[str, int] = {}
    for line, record in lines:
        if not require_ids:
            record.setdefault("id", f"#{line}")
        if records is not None:
            records.append(record)
        lines.problems += _repeated(record.get("id"), line, line_of)
        try:
            facts.append(to_fact(record, line, plain=plain))
        except Faults as error:
            lines.problems += [Problem(line, fault.code, fault.message) for fault in error.faults]
    if len(lines.problems) >= MAX_PROBLEMS:
        lines.problems.append(Problem(None, "TOO_MANY", f"{MAX_PROBLEMS} problems or more; reading stopped here"))
    return facts, lines.problems


def _repeated(given: object, line: int, line_of: dict[str, int]) -> list[Problem]:
    """Also for records that are wrong in other ways, so that the second run does not bring new complaints."""
    if not isinstance(given, str):
        return []
    first = line_of.setdefault(clean(given), line)
    return [Problem(line, "DUPLICATE_ID", f"`id` is that of line {first}")] if first != line else []
