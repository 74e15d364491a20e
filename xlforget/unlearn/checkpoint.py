"""A run on disk: what is trained (fp32), moments and streams, so that the same command goes on and ends as if never stopped."""

import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from xlforget.unlearn.engine import Engine

FOLDER = "checkpoint"


def save(engine: Engine, work: Path) -> None:
    """Write the engine's state beside the former one and put it in its place with one rename."""
    fresh, place, old = (work / name for name in (f"{FOLDER}.new", FOLDER, f"{FOLDER}.old"))
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


def restore(engine: Engine, work: Path) -> bool:
    """Bring ``engine`` to where the last checkpoint stands; False where there is none."""
    place = next((work / name for name in (FOLDER, f"{FOLDER}.old") if (work / name / "state.json").is_file()), None)
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
