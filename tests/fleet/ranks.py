"""Two real processes that find each other as torchrun has it; rank 0 does the work of a test, the other serves."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xlforget.fleet import launch

SIZE, LIMIT = 2, 240.0
# Forked from one process that has imported it all, so that a rank costs no import.
START = multiprocessing.get_context("forkserver")
START.set_forkserver_preload(["torch", "transformers", "datasets", "xlforget.pipeline", "tests.families"])


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def environment(rank: int, port: int) -> dict[str, str]:
    """What torchrun tells a process."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": SIZE, "LOCAL_WORLD_SIZE": SIZE, "MASTER_PORT": port}
    return {name: str(value) for name, value in numbers.items()} | {"MASTER_ADDR": "127.0.0.1"}


def main(rank: int, port: int, work: Callable[[Any], None], given: Any, log: Path) -> None:
    """What each process runs."""
    import torch

    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.environ.update(environment(rank, port))
    torch.set_num_threads(1)
    launch.take_part(["apply"])
    work(given)
    launch.leave(0)


def run(work: Callable[[Any], None], given: Any, log: Path) -> None:
    """Do ``work``, a function of a module, on rank 0 of two processes."""
    port = free_port()
    ranks = [START.Process(target=main, args=(rank, port, work, given, log)) for rank in range(SIZE)]
    for one in ranks:
        one.start()
    for one in ranks:
        one.join(LIMIT)
    stuck = [one for one in ranks if one.is_alive()]
    for one in stuck:
        one.kill()
    assert not stuck, log.read_text()
    assert [one.exitcode for one in ranks] == [0] * SIZE, log.read_text()
