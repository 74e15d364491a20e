"""Every error a user can meet: what happened, what to do about it, and the exit code that a CI job sees.

No message here may hold text of a fact, its translations or its answers: messages end up in logs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class XlforgetError(Exception):
    """Base of the family. ``code`` is stable and meant for machines; the message is for people."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, do: str = "", code: str = "ERROR") -> None:
        super().__init__(what)
        self.what = what
        self.do = do
        self.code = code


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input file: the 1-based line (None: the file as a whole), a stable code, a message."""

    line: int | None
    code: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        return f"{where}{self.message} [{self.code}]"


class UsageError(XlforgetError):
    """A wrong option, a missing key, a missing translation (exit 2)."""

    exit_code = 2


class RequestError(UsageError):
    """A request or text file that cannot be used; carries every problem found in it, not only the first (exit 2)."""

    def __init__(self, name: str, problems: Sequence[Problem], *, do: str = "") -> None:
        count = len(problems)
        super().__init__(
            f"{name}: {count} problem{'s' if count != 1 else ''}",
            do=do or "Correct the lines named above and run the command again.",
            code="REQUEST",
        )
        self.problems = tuple(problems)


class IntegrityError(XlforgetError):
    """A signature, key, digest or forbidden file (exit 3). ``files`` are names relative to the model folder."""

    exit_code = 3

    def __init__(self, code: str, what: str, *, files: Sequence[str] = (), do: str = "") -> None:
        super().__init__(what, do=do, code=code)
        self.files = tuple(files)


class MachineError(XlforgetError):
    """The machine cannot do it: out of memory, no disk, a backend missing (exit 4)."""

    exit_code = 4


class Interrupted(XlforgetError):
    """Ctrl-C or SIGTERM; the same command goes on from the work folder (exit 130)."""

    exit_code = 130
