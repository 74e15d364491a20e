"""What a step of ours costs beside a plain fine-tuning step and the naive way, on the same texts of a random model.

On a CPU every way runs in a process of its own, so that its peak memory is its own, which a GPU tells of any part of a run. The
ways take turns, so that a machine that is busy for a while is busy for all of them.
"""

import gc
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import torch

from xlforget.experiments import results, speed_tables, speed_ways
from xlforget.experiments.main import Bench
from xlforget.experiments.runs import Say
from xlforget.experiments.shapes import Shape, shape_of
from xlforget.experiments.speed_ways import WAYS, Bed, Texts
from xlforget.model_io import device_of

TEXTS = {
    "tiny": Texts(retain=6, pairs=3, lengths=(12, 20)),
    "small": Texts(retain=12, pairs=4, lengths=(16, 40)),
    "xglm-564m": Texts(retain=64, pairs=64, lengths=(16, 48)),
    "xglm-2.9b": Texts(retain=64, pairs=64, lengths=(16, 48)),
    "llama-8b": Texts(retain=64, pairs=64, lengths=(16, 48)),
}
WARM, TURNS = 2, 3


@dataclass(frozen=True)
class Cost:
    """One turn of one way. ``seconds``: median of its steps; ``memory``: MiB at most beyond what the process held before; None
    where it does not fit. ``loss``: of the first step, for the ways that compute the same.
    """

    way: str
    seconds: float | None
    memory: float | None
    loss: float | None

    def __str__(self) -> str:
        return "does not fit" if self.seconds is None else f"{self.seconds:.3f} s a step, {self.memory:.0f} MiB"


def run(out: Path, shape: str, device: str, *, quick: bool, say: Say) -> Bench:
    """All ways in turns. ``passed``: our step is within both targets and its memory within its bound (`speed_tables`).

    Raises UsageError for a shape or a device that is none.
    """
    chosen = shape_of("tiny" if quick else shape, TEXTS)
    device = device_of(device)
    steps, turns = (2, 1) if quick else (5, TURNS)
    costs: list[Cost] = []
    for turn in range(turns):
        for way in WAYS:
            costs.append(_cost(way, chosen, device, steps))
            say(f"  turn {turn + 1}/{turns}, {way}: {costs[-1]}")
    document = speed_tables.document(chosen, TEXTS[chosen.name], device, [asdict(own) for own in costs])
    markdown = speed_tables.markdown(document)
    folder = out / "speed"
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder, document, markdown)
    return Bench(quick or speed_tables.holds(document), document, markdown)


def _cost(way: str, shape: Shape, device: str, steps: int) -> Cost:
    if device.startswith("cuda"):
        return cost(way, shape, device, steps, torch.get_num_threads())
    forks = get_context("forkserver")
    forks.set_forkserver_preload([speed_ways.__name__])  # what each would take seconds to import
    with ProcessPoolExecutor(1, mp_context=forks) as alone:
        return alone.submit(cost, way, shape, device, steps, torch.get_num_threads()).result()


def cost(way: str, shape: Shape, device: str, steps: int, threads: int) -> Cost:
    """On a CPU to be run in a process of its own. None in place of figures where a GPU's memory is too small."""
    try:
        return _measured(way, shape, device, steps, threads)
    except torch.OutOfMemoryError:
        return Cost(way, None, None, None)


def _measured(way: str, shape: Shape, device: str, steps: int, threads: int) -> Cost:
    torch.set_num_threads(threads)
    peak = _Peak(device)
    bed = Bed(shape, TEXTS[shape.name], device)
    gradients = WAYS[way](bed)
    seconds: list[float] = []
    first = None
    for number in range(WARM + steps):
        began = time.perf_counter()
        bed.optimizer.zero_grad()
        loss = gradients()
        bed.update()
        peak.wait()
        first = loss if number == 0 else first
        seconds += [time.perf_counter() - began] if number >= WARM else []
    return Cost(way, statistics.median(seconds), peak.beyond(), first)


class _Peak:
    """The most memory that was held beyond what is held now, in MiB: of the process, or of the CUDA device."""

    def __init__(self, device: str) -> None:
        self._cuda = device.startswith("cuda")
        if self._cuda:
            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        self._before = self._most()

    def _most(self) -> float:
        if self._cuda:
            return torch.cuda.max_memory_allocated() / 2**20
        import resource  # not on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

    def wait(self) -> None:
        if self._cuda:
            torch.cuda.synchronize()

    def beyond(self) -> float:
        return self._most() - self._before
