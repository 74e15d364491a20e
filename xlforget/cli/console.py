"""What every command prints with: two consoles, JSON to a file or stdout, and errors that say what to do.

An exception that is not ours may quote the text it choked on, which may be a fact. So only its type is ever shown,
with ``--debug`` also the lines of code it went through, never its message.
"""

import errno
import json
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from xlforget.errors import Interrupted, MachineError, XlforgetError

# No markup: paths, codes in brackets and language tags are printed as they are. NO_COLOR is rich's own business.
out = Console(markup=False, highlight=False, emoji=False)
err = Console(markup=False, highlight=False, emoji=False, stderr=True)

STDOUT = "-"
WRITE_NOTHING = ("measure", "verify", "check")
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
_MEMORY = (
    *("can't allocate memory", "cannot allocate memory", "not enough memory", "out of memory", "bad_alloc"),
    *("failed to map segment", "can't start new thread", "thread creation failed"),
)


def tables(json_target: str | None) -> Console:
    """The console for tables and progress: stdout, or stderr where ``--json -`` has taken stdout."""
    return err if json_target == STDOUT else out


def write_json(target: str, value: Any) -> None:
    """Write a pydantic model or plain data as indented JSON to a file, or to stdout where ``target`` is ``-``."""
    data = value.model_dump(mode="json") if hasattr(value, "model_dump") else value
    text = json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    if target == STDOUT:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        Path(target).write_text(text, encoding="utf-8")


def explain(error: BaseException, command: str | None = None) -> XlforgetError:
    """Any exception as one of ours, with its exit code. Nothing of a foreign exception's message is carried over.

    ``command``: the one that it ended, where that is known.
    """
    if isinstance(error, XlforgetError):
        return error
    if isinstance(error, KeyboardInterrupt):
        if command in WRITE_NOTHING:
            return Interrupted("Interrupted. Nothing was written.", do="Run the same command again.", code="INTERRUPTED")
        return Interrupted(
            "Interrupted. The output folder is whole, or was not touched.",
            do="Run the same command again to go on where it stopped; `xlforget clean OUT` removes the work folder.",
            code="INTERRUPTED",
        )
    if _is_out_of_memory(error):
        return MachineError(
            "Out of memory.",
            do="Close other programs, or run the same command again on a machine with more memory.",
            code="OUT_OF_MEMORY",
        )
    if _is_full_disk(error):
        return MachineError("No space left on the disk.", do="Make room and run the same command again.", code="NO_SPACE")
    if isinstance(error, ModuleNotFoundError):
        return MachineError(
            f"The Python package {error.name!r} is not installed.",
            do="Install xlforget again, with the extra that this option needs.",
            code="BACKEND_MISSING",
        )
    return _unexpected(error)


def show_error(error: BaseException, *, debug: bool = False) -> int:
    """Print on stderr what happened and what to do, every problem on its own line; give back the exit code."""
    ours = explain(error)
    if debug:
        for line in _stack(error):
            err.print(line, style="dim", end="", soft_wrap=True)
    err.print(Text.assemble(("Error: ", "bold red"), ours.what), soft_wrap=True)
    for detail in (*getattr(ours, "problems", ()), *getattr(ours, "files", ())):
        err.print(f"  {detail}", soft_wrap=True)
    if ours.do:
        err.print(ours.do, soft_wrap=True)
    return ours.exit_code


def _unexpected(error: BaseException) -> MachineError:
    # strerror is the operating system's own words ("Permission denied"); the file name beside it is left out.
    system = f" ({error.strerror})" if isinstance(error, OSError) and error.errno and error.strerror else ""
    return MachineError(
        f"Unexpected {_type_name(error)}{system}.",
        do="Run the same command with --debug to see where, and report it: that output holds no text of a fact.",
        code="UNEXPECTED",
    )


def _is_full_disk(error: BaseException) -> bool:
    """Also as safetensors raises it: a class of its own, which is no OSError."""
    return (isinstance(error, OSError) and error.errno in _FULL_DISK) or "No space left on device" in str(error)


def _is_out_of_memory(error: BaseException) -> bool:
    """Python's, and torch's for accelerators (a type) and for the CPU (a RuntimeError known by its message only)."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    # ImportError: a library that does not fit. SystemError, ValueError: what callers make of either.
    return any(words in str(error).lower() for words in _MEMORY)


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _stack(error: BaseException) -> Iterator[str]:
    """The lines of code of an exception and of those that led to it, oldest first; messages of our own family only."""
    earlier = error.__cause__ or error.__context__
    if earlier is not None:
        yield from _stack(earlier)
        yield "\nwhich led to:\n\n"
    yield from traceback.format_tb(error.__traceback__)
    message = f": {error}" if isinstance(error, XlforgetError) else ""
    yield f"{_type_name(error)}{message}\n"
