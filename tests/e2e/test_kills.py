"""Runs that are killed at random moments: OUT is whole or not there, and the same command ends as if never stopped.

``make test`` kills 14 times. More, or another seed:

    XLFORGET_KILLS=200 XLFORGET_KILL_SEED=7 python -m pytest -s tests/e2e/test_kills.py
"""

import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Ended, Server, Straight

pytestmark = pytest.mark.e2e

KILLS = int(os.environ.get("XLFORGET_KILLS", "14"))
SEED = int(os.environ.get("XLFORGET_KILL_SEED", "20240612"))
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
KEPT = frozenset({"out", "out.xfset", "out.openings"})
STOPPED = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 130)


def assert_whole_or_not_there(server: "Server") -> None:
    """Every folder or bundle that stands under its own name is whole; nothing else than what may be left is left."""
    from xlforget.artifact import commitments, evidence, papers, sealed

    place = server.place
    if (place / "out").exists():
        assert papers.verify_papers(place / "out", place / "k.pub").passed
    if (place / "out.xfset").exists():
        bundle = sealed.unseal((place / "out.xfset").read_bytes(), "out.xfset", place / "dpo.pem")
        assert evidence.unpack(bundle, "out.xfset")
    if (place / "out.openings").exists():
        assert commitments.read_openings(place / "out.openings")
    left = server.left() - {*KEPT, ".out.work", ".out.xfset.partial", ".out.openings.partial"}
    assert all(name.startswith(".out.staging-") for name in left), left


def all_done(server: "Server", ended: "Ended") -> bool:
    """Exit 0; or the run before this one was killed after its very last step, so that OUT is whole and nothing to do."""
    work = server.place / ".out.work"
    late = ended.code == 2 and "already exists" in ended.log and not (work.exists() and any(work.iterdir()))
    return bool(ended.code == 0 or (late and (server.place / "out").exists()))


@dataclass
class Tally:
    kills: int = 0
    ends: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    signals: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)


def kill_once(server: "Server", straight: "Straight", draw: Random, tally: Tally) -> "Ended":
    """One run that is cut off: by the clock in the stage hit least so far, or just before a change to the file system."""
    chosen = draw.choice(SIGNALS)
    if draw.random() < 0.5:
        kind, ended = "change", server.run(server.apply(), die_at=draw.randint(1, straight.changes), with_signal=chosen)
    else:
        stage = min(straight.stages, key=lambda name: tally.stages[name])
        kind, ended = "clock", server.run_and_kill(server.apply(), stage, draw.uniform(0, straight.stages[stage]), chosen)
    if ended.code in STOPPED:
        tally.kills += 1
        tally.kinds[kind] += 1
        tally.stages[ended.stage] += 1
        tally.signals[chosen] += 1
        if chosen != signal.SIGKILL:
            assert ended.code == 130, (ended.code, ended.log)
            assert "Run the same command again" in ended.log
    assert "Traceback" not in ended.log
    return ended


def test_random_kills_leave_nothing_half_there_and_the_same_command_ends_the_same(server: "Server", straight: "Straight") -> None:
    draw, tally = Random(SEED), Tally()
    print(f"\nseed {SEED}, {KILLS} kills; undisturbed: {straight.took:.1f} s, {straight.changes} changes to the file system")
    while tally.kills < KILLS:
        for _ in range(draw.randint(1, 6)):
            ended = kill_once(server, straight, draw, tally)
            assert_whole_or_not_there(server)
            if all_done(server, ended):
                break
        else:
            ended = server.run(server.apply())
        assert all_done(server, ended), (ended.code, ended.log)
        assert server.outcome() == straight.outcome
        assert server.left() - KEPT <= ({".out.work"} if ended.code == 2 else set())
        tally.ends += 1
        server.clear()
        print(f"{tally.kills} kills, {tally.ends} ends", flush=True)
    print(f"{tally.kills} kills {dict(tally.kinds)}; {tally.ends} runs that then ended as the undisturbed one did")
    print(f"signals {[(signal.Signals(number).name, n) for number, n in tally.signals.items()]}")
    print(f"stages hit {dict(tally.stages)}")
    assert straight.stages.keys() <= tally.stages.keys() or KILLS < 14
