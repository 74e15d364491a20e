"""`apply` on two processes: the same end as on one, nothing left where one is killed, and the same command goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import finished
from tests.fleet.ranks import SIZE, environment, free_port

if TYPE_CHECKING:
    from tests.e2e.conftest import Server, Straight

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).parent.parent.parent
WRITTEN = {"out", "out.xfset", "out.openings"}


def begin(server: "Server", args: list[str]) -> tuple[list[int], Path]:
    """Both ranks as torchrun starts them, without the time that it takes for itself."""
    port = free_port()
    return server.start_ranks(args, [environment(rank, port) for rank in range(SIZE)])


def verdict(server: "Server") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((server.place / "out" / "audit.json").read_bytes())["verdict"]
    return found


def wait_until(there: Callable[[Path], bool], pid: int, log: Path) -> None:
    while not (log.exists() and there(log)):
        assert not finished(pid), log.read_text()
        time.sleep(0.01)


@pytest.fixture(scope="session")
def launched(server: "Server", straight: "Straight") -> tuple[str, dict[str, Any], dict[str, Any]]:
    """What torchrun's two processes print and write, and their verdict."""
    log = server.place / "logs" / "launched.txt"
    env = {k: v for k, v in os.environ.items() if not k.startswith("XLFORGET")}
    env |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HOME": str(server.home)}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "xlforget", *server.apply()]
    with log.open("w") as file:
        done = subprocess.run(command, cwd=server.place, env=env, stdout=file, stderr=file, check=False, timeout=300)
    assert done.returncode == 0, log.read_text()
    assert server.left() == WRITTEN
    found = log.read_text(), server.outcome(), verdict(server)
    server.clear()
    return found


def test_two_processes_end_as_one(straight: "Straight", launched: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    log, _, found = launched
    want = straight.outcome["verdict"]
    assert found["passed"] == want["passed"] is True
    for kind in ("tests", "bounds"):
        assert [one["outcome"] for one in found[kind]] == [one["outcome"] for one in want[kind]]
    for one, other in zip(found["languages"], want["languages"], strict=True):
        assert one["lang"] == other["lang"]
        assert one["logp_after"] == pytest.approx(other["logp_after"], abs=0.02)
    assert log.count("opening the model") == 1, "one process speaks"
    assert "Traceback" not in log
    assert "Warning" not in log


def test_a_killed_process_or_ctrl_c_leaves_nothing_half_done_and_the_command_goes_on_to_a_folder_that_verifies(
    server: "Server", launched: tuple[str, dict[str, Any], dict[str, Any]]
) -> None:
    checkpoint = server.place / ".out.work" / "checkpoint" / "state.json"
    for victims, number, moment, first, other in (
        ([1], signal.SIGKILL, lambda log: checkpoint.exists(), 4, {-signal.SIGKILL}),
        ([0], signal.SIGKILL, lambda log: "unlearning" in log.read_text(), -signal.SIGKILL, {4}),
        ([0, 1], signal.SIGINT, lambda log: "measuring the files" in log.read_text(), 130, {130, 4}),
    ):
        pids, log = begin(server, server.apply())
        wait_until(moment, pids[0], log)
        stopped = time.monotonic()
        for rank in victims:
            os.kill(pids[rank], number)
        codes = server.numbers()
        assert codes[0] == first, log.read_text()
        assert codes[1] in other, "in the middle of a pass nobody can be told why"
        assert time.monotonic() - stopped < 60, "no process waits for the one that is gone"
        assert server.left() == {".out.work"}, "OUT is not there"
        assert log.read_text().count("Run the same command again") == (0 not in victims or number == signal.SIGINT)
        assert "Traceback" not in log.read_text()
    _, log = begin(server, server.apply())
    assert server.numbers() == [0, 0], log.read_text()
    assert server.left() == WRITTEN
    assert server.outcome() == launched[1], "as if never stopped"
    _, log = begin(server, ["verify", "out", "--key", "k.pub", "--evidence", "out.xfset", "--unseal", "dpo.pem"])
    assert server.numbers() == [0, 0], log.read_text()
    assert "measured again" in log.read_text()
    server.clear()


@pytest.mark.parametrize(("more", "code", "said"), [(["--languages", "xx"], 2, "xx"), (["--lora"], 2, "--lora")])
def test_what_is_refused_is_said_once_and_ends_all_processes(server: "Server", more: list[str], code: int, said: str) -> None:
    _, log = begin(server, server.apply(*more))
    assert server.numbers() == [code] * SIZE
    assert log.read_text().count("Error: ") == 1
    assert said in log.read_text()
    assert server.left() == set()


def test_a_failed_gate_is_exit_1_on_all_processes(server: "Server") -> None:
    """At so small a rate nothing is forgotten."""
    _, log = begin(server, server.apply("--rounds", "1", "--lr", "1e-7", "--samples", "0"))
    assert server.numbers() == [1] * SIZE, log.read_text()
    assert log.read_text().count("The gate failed") == 1
    assert server.left() == {"out.failed", "out.openings"}
    server.clear()
