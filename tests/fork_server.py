"""Runs xlforget in forked children, so that a run costs no import of torch: a process of its own all the same.

Reads one job a line from standard input (JSON: args, cwd, typed, out, err, die_at, signal, limit, ranks) and answers with the
child's process id, then with how it ended. ``typed``, ``out``, ``err``: the files that it reads and prints to. ``die_at`` n:
the child sends itself ``signal`` just before its n-th change to the file system; 0: only count, and write the count as the
last line of what is printed. ``limit``: bytes of address space that it may take more. ``ranks``: for each of several children
what stands in its environment; a line then answers for all of them.
"""

import importlib
import itertools
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import datasets
import language_data.name_data  # noqa: F401
import model_signing  # noqa: F401
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: F401

from xlforget import again, pipeline, verification  # noqa: F401
from xlforget.cli.app import COMMANDS, main
from xlforget.parallel import langid

CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree", "os.truncate"})
WRITES = os.O_WRONLY | os.O_RDWR


def changes(event: str, args: tuple[Any, ...], cwd: str) -> bool:
    """Whether an audit event of Python's is a change to the files of this job."""
    if event not in CHANGES and not (event == "open" and isinstance(args[2], int) and args[2] & WRITES):
        return False
    path = os.fspath(args[0]) if isinstance(args[0], str | os.PathLike) else ""
    return isinstance(path, str) and (not path.startswith("/") or path.startswith(cwd)) and "__pycache__" not in path


def child(job: dict[str, Any], rank: dict[str, str]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it starts in the background
    os.chdir(job["cwd"])
    os.environ.update(rank)
    os.dup2(os.open(job["typed"], os.O_RDONLY), 0)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115  what the server has read ahead is not this child's
    for stream, name in ((1, job["out"]), (2, job["err"])):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    for file in (sys.stdout, sys.stderr):
        file.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    torch.set_num_threads(1)
    if job["limit"]:
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + job["limit"], resource.RLIM_INFINITY))
    counter = itertools.count(1)
    seen = [0]

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if changes(event, args, job["cwd"]):
            seen[0] = next(counter)
            if seen[0] == job["die_at"]:
                os.kill(os.getpid(), job["signal"])

    sys.addaudithook(hook)
    try:
        main(job["args"])
    finally:
        if not job["die_at"]:
            os.write(1, f"\n{seen[0]} changes\n".encode())


def load() -> None:
    """What the first command of each kind would take time for."""
    for name in COMMANDS:
        importlib.import_module(f"xlforget.cli.{name}")
    langid.label("en")
    datasets.disable_progress_bars()


def serve() -> None:
    load()
    answer("ready")
    for line in sys.stdin:
        job = json.loads(line)
        pids = [forked(job, rank) for rank in job["ranks"]]
        answer(*pids)
        answer(*(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids))


def answer(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def forked(job: dict[str, Any], rank: dict[str, str]) -> int:
    """The process id of a new child."""
    pid = os.fork()
    if pid:
        return pid
    status = 4
    try:
        child(job, rank)
    except SystemExit as leave:
        status = int(leave.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
