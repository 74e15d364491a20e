"""How a run is shown while it works: a line per stage, a bar where there is a count, the state of every round."""

import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from xlforget.unlearn.engine import Round


class Watching:
    """Prints to ``console``; where that is no terminal, one plain line per stage and every fifth round."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TimeRemainingColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task: TaskID | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def stage(self, name: str) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=None)
        self.console.print(f"{time.monotonic() - self._began:6.1f} s  {name}")

    def progress(self, done: int, total: int) -> None:
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total)

    def round(self, seen: "Round") -> None:
        live = " ".join(f"{lang} {count}" for lang, count in seen.live.items() if count) or "none"
        worst = "worst MA {} {:.2f}".format(*seen.worst)
        far = f"{seen.distance:.2f} nats from the aim; retain loss {seen.retain_loss:.3f}"
        text = f"round {seen.number}/{seen.of}: live pairs {live}; {worst}; {far}"
        if self._task is not None:
            self._bar.update(self._task, completed=seen.number, total=seen.of, description=text)
        if not self.console.is_terminal and (seen.number % 5 == 0 or seen.number == seen.of):
            self.console.print(f"          {text}")

    def candidate(self, folder: Path) -> None: ...
