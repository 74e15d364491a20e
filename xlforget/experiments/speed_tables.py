"""The results of `bench speed`: ratios within one turn, so that a busy machine weighs on both sides."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from xlforget.experiments import results
from xlforget.experiments.speed_ways import Shape

TO_FLOOR, TO_NAIVE = 1.1, 0.5
NAMES = {
    "plain": "plain fine-tuning step",
    "floor": "floor: the plain step and one product with the frozen head",
    "ours": "our step",
    "naive": "naive step: two models, full logits, padded",
}
COLUMNS = ("one step", "seconds", "of plain", "of the floor", "of naive", "peak memory, MiB")
FP32 = 4

Cost = Mapping[str, Any]


def document(shape: Shape, device: str, costs: Sequence[Cost]) -> dict[str, Any]:
    """All of it as plain data; a ratio is the median over turns, with the least and the most."""
    head = shape.vocabulary * shape.width * FP32 / 2**20
    return results.origin("speed") | {
        "shape": asdict(shape),
        "device": device,
        "frozen_head": head,
        "turns": list(costs),
        "ways": {way: _way(way, costs) for way in NAMES},
    }


def _way(way: str, costs: Sequence[Cost]) -> dict[str, Any]:
    own = [cost for cost in costs if cost["way"] == way]
    found: dict[str, Any] = {
        "seconds": statistics.median(cost["seconds"] for cost in own),
        "memory": max(cost["memory"] for cost in own),
        "loss": own[0]["loss"],
    }
    for other in ("plain", "floor", "naive"):
        beside = [cost["seconds"] for cost in costs if cost["way"] == other]
        ratios = sorted(cost["seconds"] / seconds for cost, seconds in zip(own, beside, strict=True))
        found[other] = {"ratio": statistics.median(ratios), "least": ratios[0], "most": ratios[-1]}
    return found


def holds(found: Mapping[str, Any]) -> bool:
    """Our step is within the targets, and its memory within the plain step's and a frozen head."""
    ours, plain = found["ways"]["ours"], found["ways"]["plain"]
    quick = ours["floor"]["ratio"] <= TO_FLOOR and ours["naive"]["ratio"] <= TO_NAIVE
    return bool(quick and ours["memory"] <= plain["memory"] + found["frozen_head"])


def markdown(found: Mapping[str, Any]) -> str:
    """A row for each way, and what was run."""
    shape = found["shape"]
    lines = [
        f"# bench speed, {shape['name']} on {found['device']}",
        "",
        *results.table(COLUMNS, *(_cells(way, own) for way, own in found["ways"].items())),
        "",
        f"{shape['layers']} layers of width {shape['width']}, {shape['vocabulary']:,} vocabulary entries, random weights; "
        f"{shape['retain']} retain texts and {shape['pairs']} pairs of {shape['lengths'][0]} to {shape['lengths'][1]} tokens; "
        "fp32, fused AdamW. In brackets: least and most over the turns. The frozen head, which no plain step has: "
        f"{found['frozen_head']:.0f} MiB.",
        "",
        results.origin_line(found),
    ]
    return "\n".join(lines) + "\n"


def _cells(way: str, own: Mapping[str, Any]) -> list[str]:
    ratios = [f"{r['ratio']:.2f} ({r['least']:.2f} to {r['most']:.2f})" for r in (own["plain"], own["floor"], own["naive"])]
    return [NAMES[way], f"{own['seconds']:.2f}", *ratios, f"{own['memory']:.0f}"]
