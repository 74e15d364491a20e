"""What a study is, and the runner: arms times seeds, each cell's figures in a file of its own, so that a run resumes."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from xlforget import __version__
from xlforget.experiments.runs import Say
from xlforget.experiments.sets import put
from xlforget.experiments.studies.bed import Bed
from xlforget.unlearn.methods import METHODS, Method

Figures = dict[str, Any]


@dataclass(frozen=True)
class Arm:
    """One way to unlearn. ``languages`` () are all of the set's; ``teacher``: a folder of the bed's, "" for the base itself.

    ``given``: this model of the bed is measured as it is, and nothing is unlearned.
    """

    name: str
    method: Method = METHODS["adaptive"]
    languages: tuple[str, ...] = ()
    teacher: str = ""
    given: str = ""


@dataclass(frozen=True)
class Cell:
    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        return f"{self.arm.name.replace(' ', '-').replace('/', '-')}-seed-{self.seed}"


@dataclass(frozen=True)
class Column:
    """A figure of the table. ``best``: whether arms are compared by it, and which end is the better one."""

    key: str
    title: str
    digits: int = 3
    best: Callable[[Sequence[float]], float] | None = None


@dataclass(frozen=True)
class Study:
    """``arms`` of the set's languages; ``quick``: how many of them the quick form runs, with the first seed alone.

    ``run`` makes one cell's figures: numbers by name, and under "languages" the same by language.
    ``plot`` writes an SVG of the study's document. ``prepare`` makes what arms need beside the bed. ``tunes``: each arm's
    learning rate is chosen first, and ``note`` says how.
    """

    name: str
    question: str
    claim: str
    arms: Callable[[Sequence[str]], Sequence[Arm]]
    columns: Sequence[Column]
    plot: Callable[[Figures, Path], None]
    run: Callable[[Cell, Bed], Figures]
    seeds: tuple[int, ...] = (0, 1, 2)
    quick: int = 2
    references: tuple[str, ...] = ("base", "gold")
    prepare: Callable[[Bed, Say], None] = lambda bed, say: None
    tunes: bool = False
    note: str = ""


@dataclass(frozen=True)
class Done:
    """A cell with what it found."""

    cell: Cell
    figures: Figures


def cells(study: Study, bed: Bed, *, quick: bool, seeds: int | None = None) -> list[Cell]:
    """References once, then arm by arm within each seed: a run that is cut off leaves whole seeds.

    ``quick``: the study's first arms with the first seed, in fewer and smaller steps.
    """
    arms = list(study.arms(bed.languages))
    if quick:
        arms = [replace(arm, method=shortened(arm.method)) for arm in arms[: study.quick]]
    chosen = study.seeds[: 1 if quick else seeds]
    had = {"base": True, "gold": bed.gold is not None}
    given = [Cell(Arm(name, given=name), chosen[0]) for name in study.references if had[name]]
    return [*given, *(Cell(arm, seed) for seed in chosen for arm in arms)]


def shortened(method: Method) -> Method:
    """The same with a fifth of the work or less: to see that a study runs, not what a method can do."""
    return replace(method, rounds=8, visits=None, live_pairs=32, retain_tokens=min(500, method.retain_tokens))


def run_cells(study: Study, bed: Bed, wanted: Sequence[Cell], say: Say, *, jobs: int = 1) -> list[Done]:
    """Figures of all cells, in their order; those whose file is there are not run again.

    ``jobs`` cells at a time, each in a process with one thread. An interrupted run leaves the files of whole cells.
    """
    folder = bed.folder / study.name / "cells"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [cell for cell in wanted if _read(folder, cell, bed) is None]
    began = time.monotonic()
    for number, (cell, figures) in enumerate(_ran(study, bed, missing, jobs), start=1):
        _write(folder, cell, bed, figures)
        left = (time.monotonic() - began) / number * (len(missing) - number)
        say(f"{study.name} {number}/{len(missing)}: {cell.arm.name}, seed {cell.seed}; about {left / 60:.0f} min left")
    return [Done(cell, _read(folder, cell, bed) or {}) for cell in wanted]


def _ran(study: Study, bed: Bed, missing: Sequence[Cell], jobs: int) -> Iterator[tuple[Cell, Figures]]:
    if jobs <= 1 or len(missing) <= 1:
        yield from ((cell, study.run(cell, bed)) for cell in missing)
        return
    pool = ProcessPoolExecutor(min(jobs, len(missing)), mp_context=get_context("spawn"), initializer=torch.set_num_threads,
                               initargs=(1,))  # fmt: skip
    try:
        running = {pool.submit(study.run, cell, bed): cell for cell in missing}
        for future in as_completed(running):
            yield running[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _key(cell: Cell, bed: Bed) -> str:
    """What makes a stored cell the same as the wanted one."""
    told = repr((asdict(cell), bed.chosen, str(bed.base.resolve()), __version__))
    return hashlib.sha256(told.encode()).hexdigest()


def _read(folder: Path, cell: Cell, bed: Bed) -> Figures | None:
    try:
        found = json.loads((folder / f"{cell.name}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found["figures"] if found.get("key") == _key(cell, bed) else None


def _write(folder: Path, cell: Cell, bed: Bed, figures: Figures) -> None:
    told = {"key": _key(cell, bed), "arm": cell.arm.name, "seed": cell.seed, "figures": figures}
    put(folder / f"{cell.name}.json", [json.dumps(told, indent=2)])
