"""What a run costs on a model of a published shape: time and memory of each stage, from the request to the signed folder."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from xlforget import pipeline
from xlforget.artifact import keys
from xlforget.asked import Apply
from xlforget.experiments import invented_data, results
from xlforget.experiments.large_model import train_large
from xlforget.experiments.main import MEMORISED, Bench, asked_of, choose, files_of
from xlforget.experiments.runs import Say
from xlforget.experiments.sets import Set
from xlforget.experiments.shapes import SHAPES, Shape, shape_of
from xlforget.measure.verdict import Outcome
from xlforget.model_io import device_of
from xlforget.output import Applied
from xlforget.unlearn.engine import Round
from xlforget.unlearn.memory import Memory, suited

BY_HEART = 0.9  # MA of a base that is worth the experiment
LOADING = "opening the model"
COLUMNS = ("stage", "seconds", "peak memory, GiB")


@dataclass(frozen=True)
class Stage:
    """``memory``: GiB that were allocated at most on the GPU; None on a CPU, where other stages' memory is not told apart."""

    name: str
    seconds: float
    memory: float | None


def run(dataset: str, data: Path | None, out: Path, shape: str, device: str, *, quick: bool, say: Say) -> Bench:
    """Erase the set's request from a model of ``shape`` that has learned it by heart. ``passed``: the gate passed, and
    there was something to forget.

    Raises UsageError for a shape or a device that is none and where the data is not there.
    """
    say, device = _timed(say), device_of(device)
    shaped = shape_of("tiny" if quick else shape, SHAPES)
    chosen = invented_data.QUICK if quick else choose(dataset)
    folder = out / chosen.name / shaped.name
    files = files_of(chosen, data, folder / "data")
    train_large(chosen, shaped, files, MEMORISED["base"], folder / "base", device, say)
    key = folder / "key.pem"
    if not key.exists():
        keys.keygen(key)
    asked = replace(asked_of(chosen, files, folder, key), device=device, overwrite=True, fresh=True)
    asked = _short(asked) if quick else asked
    document = _document(chosen, shaped, device, *_applied(asked, shaped, say))
    text = markdown(document)
    results.write(folder, document, text)
    return Bench(document["passed"] and document["ma"]["before"] >= BY_HEART, document, text)


def _timed(say: Say) -> Say:
    began = time.monotonic()
    return lambda line: say(f"{time.monotonic() - began:6.1f} s {line}")


def _short(asked: Apply) -> Apply:
    """To see that it runs."""
    return replace(asked, profile="quick", samples=32, method=replace(asked.method, rounds=2, visits=None, told=0))


def _applied(asked: Apply, shaped: Shape, say: Say) -> tuple[Applied, list[Stage]]:
    memory = Memory(lora_rank=shaped.rank)
    watch = _Stages(asked.device, say)
    applied = pipeline.apply(replace(asked, memory=memory, method=suited(asked.method, memory, None)), watch)
    watch.stage("")
    return applied, watch.stages


class _Stages:
    """Time and peak memory of each stage; rounds are told to ``say``."""

    def __init__(self, device: str, say: Say) -> None:
        self.stages: list[Stage] = []
        self._cuda, self._say, self._now = device.startswith("cuda"), say, "reading the request"
        self._began = time.monotonic()
        if self._cuda:  # of the model's training, where it was trained just now
            torch.cuda.reset_peak_memory_stats()

    def stage(self, name: str) -> None:
        memory = torch.cuda.max_memory_allocated() / 2**30 if self._cuda else None
        self.stages.append(Stage(self._now, time.monotonic() - self._began, memory))
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        self._now, self._began = name, time.monotonic()
        if name:
            self._say(f"  {name}")

    def progress(self, done: int, total: int) -> None: ...

    def round(self, seen: Round) -> None:
        live = sum(seen.live.values())
        self._say(f"    round {seen.number}/{seen.of}: {live} live pairs, {seen.distance:.2f} nats from the aim")

    def candidate(self, folder: Path) -> None: ...


def _document(chosen: Set, shaped: Shape, device: str, applied: Applied, stages: Sequence[Stage]) -> dict[str, Any]:
    verdict = applied.verdict
    rows = verdict.languages
    return results.origin("cost") | {
        "set": chosen.name,
        "shape": asdict(shaped),
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
        "passed": verdict.passed,
        "failed": sorted({f"{t.check}: {t.outcome}" for t in verdict.tests if t.outcome in (Outcome.FAIL, Outcome.NO_SIGNAL)}),
        "pairs": sum(row.pairs for row in rows),
        "languages": len(rows),
        "ma": {
            when: sum(getattr(row, f"ma_{when}") * row.pairs for row in rows) / max(1, sum(row.pairs for row in rows))
            for when in ("before", "after")
        },
        "stages": [asdict(own) for own in stages],
    }


def markdown(found: Mapping[str, Any]) -> str:
    """A row for each stage, their sum, and that without loading the model."""
    stages = found["stages"]
    every = sum(own["seconds"] for own in stages)
    loading = sum(own["seconds"] for own in stages if own["name"] == LOADING)
    most = max((own["memory"] or 0.0 for own in stages), default=0.0) or None
    lines = [
        f"# bench cost, {found['set']}, {found['shape']['name']} on {found['device']}",
        "",
        *results.table(COLUMNS, *(_cells(own["name"], own["seconds"], own["memory"]) for own in stages),
                       _cells("all", every, most), _cells("without loading the model", every - loading, None)),
        "",
        f"{found['pairs']} pairs in {found['languages']} languages; MA {found['ma']['before']:.3f} before and "
        f"{found['ma']['after']:.3f} after; the gate {'passed' if found['passed'] else 'failed'}"
        f"{''.join(f'; {own}' for own in found['failed'])}. A model of random weights that learned the set by heart.",
        "",
        results.origin_line(found),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _cells(name: str, seconds: float, memory: float | None) -> list[str]:
    return [name, f"{seconds:.1f}", "" if memory is None else f"{memory:.1f}"]
