"""How the cost of a ticket grows: with the number of its facts, and with the languages that they stand in.

One model memorises all facts and all that must stay; every size erases the first of the facts and keeps the first of the
rest, through the command line. Runs that are there already are not made again.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from xlforget.asked import Apply
from xlforget.experiments import results, scale_tables
from xlforget.experiments.invented_data import INVENTED
from xlforget.experiments.main import Bench, files_of
from xlforget.experiments.memorised import train_missing
from xlforget.experiments.paper_data import SETS
from xlforget.experiments.runs import Commands, Say, apply_by_command
from xlforget.experiments.sets import Part, Set

Files = Mapping[Part, Path]


@dataclass(frozen=True)
class Grid:
    """Sizes of a ticket: each of ``facts`` in all languages, and the least of them in the first of ``languages``.

    ``kept``: rows that must stay, for each fact that goes.
    """

    chosen: Set
    facts: tuple[int, ...]
    languages: tuple[int, ...]
    seeds: tuple[int, ...]
    kept: int


@dataclass(frozen=True)
class Cell:
    facts: int
    languages: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.facts}-facts-{self.languages}-languages-seed-{self.seed}"


WHOLE = Grid(replace(SETS["bmlama53"], forget="forget-128", retain="retain-128-x3"), (32, 64, 128), (2, 4, 9), (0, 1, 2), kept=3)
QUICK = Grid(INVENTED, (4, 8), (2, 4), (0,), kept=8)


def run(data: Path | None, out: Path, *, quick: bool, say: Say, quiet: bool = False) -> Bench:
    """All cells in ``out``/scale. ``passed``: every run passed its gate and nothing grows faster than `scale_tables.MOST`."""
    grid = QUICK if quick else WHOLE
    folder = out / "scale"
    files = files_of(grid.chosen, data, folder / "data")
    train_missing(grid.chosen, files, folder, {"base": ("request", "retain")}, say)
    commands = Commands(say, quiet)
    key = folder / "key.pem"
    if not key.exists():
        commands("keygen", str(key))
    rows = [_row(cell, grid, files, folder, commands) for cell in cells(grid)]
    document = scale_tables.document(rows)
    markdown = scale_tables.markdown(document)
    results.write(folder, document, markdown)
    return Bench(scale_tables.holds(document), document, markdown)


def cells(grid: Grid) -> list[Cell]:
    """Each size once, seed by seed."""
    most, least = max(grid.languages), min(grid.facts)
    sizes = dict.fromkeys([*((facts, most) for facts in grid.facts), *((least, languages) for languages in grid.languages)])
    return [Cell(facts, languages, seed) for seed in grid.seeds for facts, languages in sizes]


def _row(cell: Cell, grid: Grid, files: Files, folder: Path, run: Commands) -> dict[str, Any]:
    done = folder / "cells" / f"{cell.name}.json"
    if not done.is_file():
        done.parent.mkdir(exist_ok=True)
        part = done.with_suffix(".part")
        part.write_text(json.dumps(_measured(cell, grid, files, folder, run)), encoding="utf-8")
        part.rename(done)
    found: dict[str, Any] = json.loads(done.read_text("utf-8"))
    return found


def _measured(cell: Cell, grid: Grid, files: Files, folder: Path, run: Commands) -> dict[str, Any]:
    """One ticket erased by a command of its own: its time from start to signed folder, and what its audit says."""
    request = _first(files["request"], cell.facts, folder)
    retain = _first(files["retain"], cell.facts * grid.kept, folder)
    target = folder / cell.name
    asked = Apply(
        requests=(str(request),), model=str(folder / "base"), out=target, key=None,
        languages=grid.chosen.languages[: cell.languages], seed=cell.seed,
        retain=str(retain), unseen=str(files["unseen"]) if "unseen" in files else None,
    )  # fmt: skip
    ran = apply_by_command(asked, folder / "key.pem", run)
    written = target if ran.code == 0 else target.with_name(f"{target.name}.failed")
    audit = json.loads((written / "audit.json").read_text("utf-8"))
    shutil.rmtree(written)
    return {
        **asdict(cell),
        "code": ran.code,
        "pairs": audit["request"]["pairs"],
        "rounds": audit["method"]["rounds"],
        "steps": audit["method"]["steps"],
        "unlearning": audit["method"]["seconds"],
        "seconds": ran.seconds,
    }


def _first(path: Path, rows: int, folder: Path) -> Path:
    lines: Sequence[str] = path.read_text("utf-8").splitlines(keepends=True)[:rows]
    target = folder / "data" / f"{path.stem}-{rows}.jsonl"
    target.write_text("".join(lines), encoding="utf-8")
    return target
