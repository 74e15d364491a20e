"""A tiny model that knows invented people, and a server that runs commands on it: a whole run takes some five seconds."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Forks, forks
from tests.shared import made_once

RELATION, LANGS, FACTS, KNOWN = "city_of_residence", ("en", "fr"), 3, 12
INPUTS = frozenset({"model", "request.jsonl", "k.pem", "k.pub", "dpo.pem", "dpo.pub", "logs"})
STAGE = re.compile(r"^ *[0-9.]+ s  (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Ended:
    """How one command ended: exit code (negative: the signal) and what it printed."""

    code: int
    log: str
    took: float

    @property
    def stages(self) -> list[str]:
        return STAGE.findall(self.log)

    @property
    def stage(self) -> str:
        return (self.stages or ["starting"])[-1]


@dataclass
class Server:
    """Runs commands in forks of a process that has torch loaded already. ``place``: where they run."""

    forks: Forks
    place: Path
    runs: int = 0

    @property
    def home(self) -> Path:
        return self.forks.home

    def apply(self, *more: str, out: str = "out") -> list[str]:
        """The command that all these tests run: it passes the gate. No attacks unless asked for, which take their time."""
        options = ["--key", "k.pem", "--languages", ",".join(LANGS), "--rounds", "3", "--lr", "6e-3", "--samples", "64"]
        options += ["--profile", "quick"]
        kept = ["--keep", f"{out}.xfset", "--seal-to", "dpo.pub", "--openings", f"{out}.openings"]
        return ["apply", "request.jsonl", "--model", "model", "--out", out, *kept, *options, *more]

    def start(self, args: list[str], *, die_at: int = -1, with_signal: int = signal.SIGKILL, limit: int = 0) -> tuple[int, Path]:
        """Begin a command; its process id and the file it prints to. ``limit``: bytes of address space beyond the start."""
        log = self._send(args, [{}], {"die_at": die_at, "signal": with_signal, "limit": limit})
        (pid,) = self.numbers()
        return pid, log

    def start_ranks(self, args: list[str], ranks: list[dict[str, str]]) -> tuple[list[int], Path]:
        """Begin a command on several processes, each with its own in its environment."""
        log = self._send(args, ranks, {"die_at": -1, "signal": 0, "limit": 0})
        return self.numbers(), log

    def numbers(self) -> list[int]:
        """Of each rank: its process id once it has begun, its exit code once all have ended."""
        return self.forks.numbers()

    def _send(self, args: list[str], ranks: list[dict[str, str]], how: dict[str, Any]) -> Path:
        self.runs += 1
        log = self.place / "logs" / f"{self.runs}.txt"
        files = {"typed": os.devnull, "out": str(log), "err": str(log)}
        self.forks.send({"args": args, "cwd": str(self.place), "ranks": ranks} | files | how)
        return log

    def end(self, log: Path, begun: float) -> Ended:
        (code,) = self.numbers()
        return Ended(code, log.read_text() if log.exists() else "", time.monotonic() - begun)

    def run(self, args: list[str], **how: Any) -> Ended:
        begun = time.monotonic()
        _, log = self.start(args, **how)
        return self.end(log, begun)

    def run_and_kill(self, args: list[str], stage: str, delay: float, with_signal: int) -> Ended:
        """Send the signal ``delay`` seconds after the line that names ``stage``, unless the run has ended by then."""
        begun = time.monotonic()
        pid, log = self.start(args)
        self.wait_for(stage, pid, log)
        time.sleep(delay)
        if not finished(pid):
            os.kill(pid, with_signal)
        return self.end(log, begun)

    def wait_for(self, stage: str, pid: int, log: Path) -> None:
        """Return once the run has named that stage ("": at once), or has ended."""
        while stage and not finished(pid) and not (log.exists() and stage in STAGE.findall(log.read_text())):
            time.sleep(0.002)

    def outcome(self, out: str = "out") -> dict[str, Any]:
        """Bytes of the model's files and figures of the report; without what is random or the clock's."""
        from xlforget.artifact.papers import PAPERS

        audit = json.loads((self.place / out / "audit.json").read_bytes())
        facts = sorted(json.dumps(fact["languages"], sort_keys=True) for fact in audit["facts"])
        audit["method"].pop("seconds")
        kept = {name: audit[name] for name in ("verdict", "method", "data", "utility", "request", "result", "base")}
        files = {path.name: path.read_bytes() for path in (self.place / out).iterdir() if path.name not in PAPERS}
        assert "model.safetensors" in files
        return {**kept, "output": audit["output"]["files"], "facts": facts, "files": files}

    def clear(self) -> None:
        for entry in self.place.iterdir():
            if entry.name not in INPUTS:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def left(self) -> set[str]:
        """Names beside the inputs."""
        return {entry.name for entry in self.place.iterdir()} - INPUTS


def finished(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@dataclass(frozen=True)
class Straight:
    """What an undisturbed run writes, how long each of its stages takes, and how often it changes the file system."""

    outcome: dict[str, Any]
    stages: dict[str, float]
    changes: int
    took: float


def invented() -> list[Any]:
    from xlforget.request import invent, phrasebook

    return list(invent.invent_people(phrasebook.relation(RELATION), FACTS + 60, 3, LANGS))


def records() -> list[dict[str, Any]]:
    """Records of all people; the model knows the first fifteen, the request asks for the first three."""
    return [
        {"id": f"K{k}", "subject": p.subject, "relation": RELATION, "object": p.object, "gender": p.gender}
        for k, p in enumerate(invented())
    ]


def make_place(
    where: Path,
    layers: int = 1,
    make: Callable[[Any], Any] | None = None,
    tokens: Callable[[Sequence[str], int], Any] | None = None,
    epochs: int = 60,
) -> None:
    """A model that knows fifteen people, a request for three of them, a key.

    ``make``: a model of another kind, for a tokenizer; ``tokens``: a tokenizer of another kind, for texts and a size.
    """
    from xlforget.artifact import keys
    from xlforget.corpus.encode import Encoder
    from xlforget.experiments.small_model import memorise, new_model, train_tokenizer
    from xlforget.request import phrasebook

    people, rows = invented(), records()[:FACTS]
    (where / "request.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    texts = [[w.text for lang in LANGS for w in phrasebook.wordings(p, lang)] for p in people]
    tokenizer = (tokens or train_tokenizer)([text for own in texts[FACTS:] for text in own], 500)
    model = make(tokenizer) if make else new_model(tokenizer, layers=layers, width=32, context=128)
    encoder = Encoder(tokenizer, 128)
    known = [encoder.encode(text, None) for own in texts[: FACTS + KNOWN] for text in own]
    memorise(model, known, epochs=epochs, lr=6e-3)
    model.save_pretrained(where / "model")
    tokenizer.save_pretrained(where / "model")
    keys.keygen(where / "k.pem")
    keys.keygen(where / "dpo.pem")
    (where / "logs").mkdir()


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make_place` makes, for all processes that run tests: only to be read."""
    return made_once(tmp_path_factory, "known", make_place)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, known: Path) -> Server:
    place = tmp_path_factory.mktemp("server")
    shutil.copytree(known, place, dirs_exist_ok=True)
    return Server(forks(), place)


@pytest.fixture(scope="session")
def straight(server: Server) -> Straight:
    done = server.run(server.apply(), die_at=0)
    assert done.code == 0, done.log
    times = [float(line.split()[0]) for line in done.log.splitlines() if STAGE.match(line)]
    ends = [*times[1:], times[-1] + 0.4]
    stages = {name: max(0.05, end - when) for name, when, end in zip(done.stages, times, ends, strict=True)}
    (changes,) = re.findall(r"^(\d+) changes$", done.log, re.MULTILINE)
    found = Straight(server.outcome(), stages, int(changes), done.took)
    server.clear()
    return found
