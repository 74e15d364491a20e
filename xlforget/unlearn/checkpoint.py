"""A run on disk: what is trained (fp32), moments and streams, so that the same command goes on and ends as if never stopped."""

import json
import shutil
import time
from pathlib import Path

from safetensors.torch import load_file, save_file

from xlforget.artifact.folder import need_bytes
from xlforget.lm import Lm
from xlforget.unlearn.budget import checkpoint_bytes
from xlforget.unlearn.engine import Engine
from xlforget.unlearn.memory import Memory

FOLDER = "checkpoint"
NEW, OLD = f"{FOLDER}.new", f"{FOLDER}.old"
# One is due when so many times as long has passed as it takes to write. Before the first, so many bytes a second are assumed.
SHARE, SPEED = 10, 1 << 30


class Keeper:
    """Checkpoints in ``work``, after a round, for about a tenth of a run's time at most: those of a large model take long.

    ``left_out``: the last that was due was not written, since the disk would not hold it and the files that are still to come.
    """

    def __init__(self, lm: Lm, memory: Memory, work: Path) -> None:
        self._work, self._last, self.left_out = work, time.monotonic(), False
        shutil.rmtree(work / NEW, ignore_errors=True)  # of a run that was killed while it wrote
        written = checkpoint_bytes(lm, memory)
        self._takes = written / SPEED
        self._needs = need_bytes(written + sum(weight.nbytes for weight in lm.model.parameters()))

    def __call__(self, engine: Engine) -> None:
        began = time.monotonic()
        if began - self._last < SHARE * self._takes:
            return
        self.left_out = self._needs > shutil.disk_usage(self._work).free
        if self.left_out:
            return
        save(engine, self._work)
        self._last = time.monotonic()
        self._takes = self._last - began


def save(engine: Engine, work: Path) -> None:
    """Write the engine's state beside the former one and put it in its place with one rename."""
    fresh, place, old = (work / name for name in (NEW, FOLDER, OLD))
    shutil.rmtree(fresh, ignore_errors=True)
    if place.exists():  # else ``old`` is the only whole one: a run was killed between two renames
        shutil.rmtree(old, ignore_errors=True)
    fresh.mkdir()
    for number, tensors in enumerate(engine.optimizer.state()):  # never all in memory: they are three times the model
        save_file(tensors, fresh / f"{number}.safetensors")
    state = {
        "step": engine.progress.step,
        "cycle": engine.progress.cycle,
        "steps": engine.progress.steps,
        "start": engine.progress.start,
        "weight": engine.progress.weight,
        "budget": engine.progress.budget,
        "against_text": engine.progress.against_text,
        "aims": engine.aims.state(),
        "visits": engine.progress.visits,
        "live": engine.progress.live,
        "streams": {name: stream.state() for name, stream in engine.streams.items()},
    }
    (fresh / "state.json").write_text(json.dumps(state))
    if place.exists():
        place.rename(old)
    fresh.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def holds(file: Path) -> bool:
    """Whether a file of a work folder is a checkpoint's."""
    return file.parent.name in (FOLDER, NEW, OLD)


def restore(engine: Engine, work: Path) -> bool:
    """Bring ``engine`` to where the last checkpoint stands; False where there is none."""
    place = next((work / name for name in (FOLDER, OLD) if (work / name / "state.json").is_file()), None)
    if place is None:
        return False
    state = json.loads((place / "state.json").read_text())
    for file in place.glob("*.safetensors"):
        engine.optimizer.restore(load_file(file))
    engine.progress.step, engine.progress.cycle = state["step"], state["cycle"]
    engine.progress.steps = state["steps"]
    engine.progress.start, engine.progress.weight = state["start"], state["weight"]
    engine.progress.budget, engine.progress.against_text = state["budget"], state["against_text"]
    engine.progress.visits, engine.progress.live = state["visits"], state["live"]
    engine.aims.restore(state["aims"])
    for name, stream in engine.streams.items():
        stream.restore(state["streams"][name])
    return True
