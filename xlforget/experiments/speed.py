"""What a step of ours costs beside a plain fine-tuning step and the naive way, on the same texts of a random model.

Every way runs in a process of its own, so that its peak memory is its own; the ways take turns, so that a machine that is busy
for a while is busy for all of them.
"""

import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import torch

from xlforget.errors import UsageError
from xlforget.experiments import results, speed_tables
from xlforget.experiments.main import Bench
from xlforget.experiments.runs import Say
from xlforget.experiments.speed_ways import WAYS, Bed, Shape

SHAPES = {
    "tiny": Shape("tiny", layers=2, width=32, vocabulary=2_000, retain=6, pairs=3, lengths=(12, 20)),
    "small": Shape("small", layers=4, width=128, vocabulary=256_000, retain=12, pairs=4, lengths=(16, 40)),
    "xglm-564m": Shape("xglm-564m", layers=24, width=1024, vocabulary=256_008, retain=64, pairs=64, lengths=(16, 48)),
    "xglm-2.9b": Shape("xglm-2.9b", layers=48, width=2048, vocabulary=256_008, retain=64, pairs=64, lengths=(16, 48)),
}
WARM, TURNS = 2, 3


@dataclass(frozen=True)
class Cost:
    """One turn of one way. ``seconds``: median of its steps; ``memory``: MiB at most beyond what the process held before.

    ``loss``: of the first step, for the ways that compute the same.
    """

    way: str
    seconds: float
    memory: float
    loss: float | None


def run(out: Path, shape: str, device: str, *, quick: bool, say: Say) -> Bench:
    """All ways in turns. ``passed``: our step is within both targets and its memory within its bound (`speed_tables`).

    Raises UsageError for a shape or a device that is none.
    """
    chosen = _shape("tiny" if quick else shape)
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError("There is no CUDA device here.", do="Use --device cpu.", code="DEVICE")
    steps, turns = (2, 1) if quick else (5, TURNS)
    costs: list[Cost] = []
    for turn in range(turns):
        for way in WAYS:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                costs.append(alone.submit(cost, way, chosen, device, steps, torch.get_num_threads()).result())
            say(f"  turn {turn + 1}/{turns}, {way}: {costs[-1].seconds:.2f} s a step, {costs[-1].memory:.0f} MiB")
    document = speed_tables.document(chosen, device, [asdict(own) for own in costs])
    markdown = speed_tables.markdown(document)
    folder = out / "speed"
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder, document, markdown)
    return Bench(quick or speed_tables.holds(document), document, markdown)


def _shape(name: str) -> Shape:
    if name not in SHAPES:
        raise UsageError(f"There is no shape {name!r}.", do=f"Choose one of: {', '.join(SHAPES)}.", code="UNKNOWN_SHAPE")
    return SHAPES[name]


def cost(way: str, shape: Shape, device: str, steps: int, threads: int) -> Cost:
    """Runs in a process of its own."""
    torch.set_num_threads(threads)
    peak = _Peak(device)
    bed = Bed(shape, device)
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
