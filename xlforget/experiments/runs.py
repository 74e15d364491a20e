"""How an experiment erases: through the commands, as a user would, or in this process where the model is to be kept anyway."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xlforget import pipeline
from xlforget.asked import Apply
from xlforget.unlearn.engine import Round

Say = Callable[[str], None]


@dataclass(frozen=True)
class Ran:
    """A command of ours that ran: what was typed, how it ended, how long it took."""

    command: str
    code: int
    seconds: float


@dataclass(frozen=True)
class Commands:
    """Runs our commands, each in a process of its own; ``quiet`` sends their output to stderr."""

    say: Say
    quiet: bool

    def __call__(self, *command: str) -> Ran:
        shown = f"xlforget {' '.join(command)}"
        self.say(f"$ {shown}")
        began = time.monotonic()
        stream = sys.stderr if self.quiet else None
        done = subprocess.run([sys.executable, "-m", "xlforget", *command], check=False, stdout=stream)
        return Ran(shown, done.returncode, time.monotonic() - began)


def by_commands(asked: Apply, key: Path, run: Commands) -> list[Ran]:
    """apply, then verify without and with the evidence; nothing is verified where apply wrote no model."""
    shutil.rmtree(asked.out, ignore_errors=True)  # else a run that fails now would leave the model of one that passed
    kept = asked.out.with_suffix(".xfset")
    apply = apply_by_command(replace(asked, keep=kept), key, run)
    if apply.code:
        return [apply]
    verify = ["verify", str(asked.out), "--key", str(key.with_suffix(".pub"))]
    return [apply, run(*verify), run(*verify, "--evidence", str(kept))]


def apply_by_command(asked: Apply, key: Path, run: Commands) -> Ran:
    """`xlforget apply` from the start, in place of what is there."""
    return run(
        "apply", *asked.requests, "--model", asked.model, "--languages", ",".join(asked.languages),
        *_option("--retain", asked.retain), *_option("--unseen", asked.unseen),
        *_option("--seed", str(asked.seed) if asked.seed else None),
        "--key", str(key), *_option("--keep", str(asked.keep) if asked.keep else None),
        "--out", str(asked.out), "--overwrite", "--fresh",
    )  # fmt: skip


def _option(name: str, value: str | None) -> Sequence[str]:
    return [name, value] if value else []


def keeping(asked: Apply, say: Say) -> bool:
    """`pipeline.apply` with the changed model copied to ``asked.out`` before it is judged; whether the gate passed.

    For what is compared and never used: a failed gate leaves no model.
    """
    shutil.rmtree(asked.out, ignore_errors=True)
    judged = asked.out.with_name(f"{asked.out.name}-judged")
    applied = pipeline.apply(replace(asked, out=judged, overwrite=True, fresh=True), _Keeping(asked.out, say))
    shutil.rmtree(applied.folder)
    return applied.verdict.passed


class _Keeping:
    def __init__(self, target: Path, say: Say) -> None:
        self.target, self.say = target, say

    def stage(self, name: str) -> None:
        self.say(f"  {name}")

    def progress(self, done: int, total: int) -> None: ...

    def round(self, seen: Round) -> None: ...

    def candidate(self, folder: Path) -> None:
        shutil.copytree(folder, self.target)
