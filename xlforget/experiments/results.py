"""The results of `bench main` as a document and as a table that says where they come from."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers

from xlforget import __version__
from xlforget.experiments import judging

if TYPE_CHECKING:
    from xlforget.experiments.runs import Ran

COLUMNS = (
    "model", "passes the gate", "forget MA", "log p of answers", "KS to gold", "retain MA", "of before",
    "bystanders MA, mean", "of before", "worst language", "of before, worst",
)  # fmt: skip


def document(name: str, ran: Sequence["Ran"], figures: Mapping[str, Any]) -> dict[str, Any]:
    """All of it as plain data."""
    return origin("main") | {"set": name, "commands": [asdict(own) for own in ran], **figures}


def origin(experiment: str) -> dict[str, Any]:
    """Where a result comes from: the command, when it ended, and on what it ran."""
    return {
        "experiment": experiment,
        "command": shlex.join(["xlforget", *sys.argv[1:]]),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
    }


def origin_line(found: Mapping[str, Any]) -> str:
    """The same as the last line of a table."""
    own = found["machine"]
    return (
        f"`{found['command']}`, {found['finished']}; {own['processor']}, {own['cores']} cores, {own['threads']} threads; "
        f"torch {own['torch']}, transformers {own['transformers']}, Python {own['python']}, xlforget {own['xlforget']}"
    )


def write(folder: Path, document: Mapping[str, Any], markdown: str) -> None:
    """``results.json`` and ``results.md`` in ``folder``."""
    (folder / "results.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(markdown, encoding="utf-8")


def machine() -> dict[str, Any]:
    """What the experiment ran on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "xlforget": __version__,
    }


def _processor() -> str:
    """Its name as Linux has it; elsewhere what Python knows."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def markdown(found: Mapping[str, Any]) -> str:
    """The table with its command and machine."""
    lines = [
        f"# bench main, {found['set']}, {found['pairs']} pairs",
        "",
        *table(COLUMNS, *(_cells(name, own, found["ks"]) for name, own in found["models"].items())),
        "",
        f"KS distance of unseen text under the base to gold: {found['ks']['unseen under base to gold']:.3f}",
        "",
        *([judging.line(found["cost"]), ""] if "cost" in found else []),
        *(f"- exit {own['code']} after {own['seconds']:.0f} s: `{own['command']}`" for own in found["commands"]),
        "",
        origin_line(found),
    ]
    return "\n".join(lines) + "\n"


def _cells(name: str, own: Mapping[str, Any], ks: Mapping[str, float]) -> list[str]:
    distance = ks.get(f"{name} to gold")
    bystanders, ratio = own["bystanders_ma"], own["bystanders_ratio"]
    return [
        name,
        "yes" if own["passes_gate"] else "no",
        f"{own['forget_ma']:.3f}",
        f"{own['forget_logp']:.2f}",
        "" if distance is None else f"{distance:.3f}",
        f"{own['retain_ma']['mean']:.3f}",
        f"{own['retain_ratio']['mean']:.3f}",
        f"{bystanders['mean']:.3f}",
        f"{ratio['mean']:.3f}",
        f"{bystanders['worst']:.3f} ({bystanders['worst_language']})",
        f"{ratio['worst']:.3f} ({ratio['worst_language']})",
    ]


def table(head: Sequence[str], *rows: Sequence[str], named: int = 1) -> list[str]:
    """Lines of a table; all columns behind the first ``named`` are of figures."""
    ruled = [*["---"] * named, *["---:"] * (len(head) - named)]
    return [f"| {' | '.join(cells)} |" for cells in (head, ruled, *rows)]
