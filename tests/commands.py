"""The command line as tests run it: in a process of its own, started anew or forked from one that has loaded everything."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

OWN = ("XLFORGET", "GITHUB", "HF_", "COLUMNS")  # the last: a console that is made under it keeps it
WIDE = {"COLUMNS": "200"}
FOLDERS = {
    "HOME": "",
    "XDG_CACHE_HOME": "cache",
    "HF_HOME": "huggingface",
    "TMPDIR": "tmp",
    "TORCHINDUCTOR_CACHE_DIR": "torch",
}


def environment() -> dict[str, str]:
    """This process's, with none of the user's own settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith(OWN)} | {"OMP_NUM_THREADS": "1"}


def started(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in ``cwd`` as a user does: Python starts, and imports what the command needs."""
    command = [sys.executable, "-m", "xlforget", *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=environment() | WIDE, capture_output=True, text=True, check=False)


def xlforget(*args: str | Path, cwd: Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in ``cwd`` in a fork, without the seconds that imports take. ``typed``: what is typed into it."""
    with tempfile.TemporaryDirectory() as place:
        files = {name: Path(place) / name for name in ("typed", "out", "err")}
        files["typed"].write_text(typed, "utf-8")
        forks().send({"args": [*map(str, args)], "cwd": str(cwd), "ranks": [WIDE]} | {n: str(f) for n, f in files.items()})
        forks().numbers()
        (code,) = forks().numbers()
        return subprocess.CompletedProcess(args, code, *(files[name].read_text("utf-8") for name in ("out", "err")))


@dataclass(frozen=True)
class Forks:
    """A process that forks for every command. ``home``: their home folder, with all that they cache or leave in temporary
    files."""

    process: subprocess.Popen[str]
    home: Path

    def send(self, job: dict[str, Any]) -> None:
        """Begin a command; `fork_server` says what a job is."""
        stdin: IO[str] = self.process.stdin  # type: ignore[assignment]
        stdin.write(json.dumps({"die_at": -1, "signal": 0, "limit": 0} | job) + "\n")
        stdin.flush()

    def numbers(self) -> list[int]:
        """Of each rank: its process id once it has begun, its exit code once all have ended."""
        stdout: IO[str] = self.process.stdout  # type: ignore[assignment]
        return [int(number) for number in stdout.readline().split()]


@cache
def forks() -> Forks:
    """The one of this process, started when the first test asks for it; it ends with its standard input."""
    home = Path(tempfile.mkdtemp(prefix="xlforget-tests-"))
    for name in FOLDERS.values():
        (home / name).mkdir(exist_ok=True)
    env = environment() | {variable: str(home / name) for variable, name in FOLDERS.items()}
    command = [sys.executable, str(Path(__file__).with_name("fork_server.py"))]
    process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return Forks(process, home)
