"""The results of `bench speed`: ratios within one turn, so that a busy machine weighs on both sides."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from xlforget.experiments import results
from xlforget.experiments.shapes import Shape
from xlforget.experiments.speed_ways import Texts
from xlforget.unlearn.precision import chosen

TO_FLOOR, TO_NAIVE = 1.1, 0.5
LORA = " on adapters, activations computed again"
BESIDE = ("plain", "floor", "naive")
NAMES = {
    "plain": "plain fine-tuning step",
    "floor": "floor: the plain step and one product with the frozen head",
    "ours": "our step",
    "naive": "naive step: two models, full logits, padded",
}
COLUMNS = ("one step", "seconds", "of plain", "of the floor", "of naive", "peak memory, MiB")

Cost = Mapping[str, Any]


def document(shape: Shape, texts: Texts, device: str, costs: Sequence[Cost]) -> dict[str, Any]:
    """All of it as plain data; a ratio is the median over turns, with the least and the most."""
    dtype = chosen("auto", torch.device(device))
    head = shape.vocabulary * shape.width * dtype.itemsize / 2**20
    return results.origin("speed") | {
        "shape": asdict(shape),
        "texts": asdict(texts),
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
        "precision": str(dtype).removeprefix("torch."),
        "frozen_head": head,
        "turns": list(costs),
        "ways": {way: _way(way, costs) for way in NAMES},
    }


def _way(way: str, costs: Sequence[Cost]) -> dict[str, Any]:
    seconds, own = _seconds(way, costs), [cost for cost in costs if cost["way"] == way]
    if not seconds:
        return {"seconds": None, "memory": None, "loss": None} | dict.fromkeys(BESIDE)
    memory = max(cost["memory"] for cost in own)
    found = {"seconds": statistics.median(seconds), "memory": memory, "loss": own[0]["loss"]}
    return found | {other: _ratio(seconds, _seconds(other, costs)) for other in BESIDE}


def _seconds(way: str, costs: Sequence[Cost]) -> list[float]:
    """Of a step in each turn; none where it does not fit."""
    found = [cost["seconds"] for cost in costs if cost["way"] == way]
    return [] if None in found else found


def _ratio(own: Sequence[float], beside: Sequence[float]) -> dict[str, float] | None:
    if not beside:
        return None
    ratios = sorted(one / other for one, other in zip(own, beside, strict=True))
    return {"ratio": statistics.median(ratios), "least": ratios[0], "most": ratios[-1]}


def holds(found: Mapping[str, Any]) -> bool:
    """Our step is within the targets, and its memory within the plain step's and a frozen head; a naive step that does not fit
    is no bound."""
    ours, plain = found["ways"]["ours"], found["ways"]["plain"]
    if ours["floor"] is None or plain["memory"] is None:
        return False
    quick = ours["floor"]["ratio"] <= TO_FLOOR and (ours["naive"] is None or ours["naive"]["ratio"] <= TO_NAIVE)
    return bool(quick and ours["memory"] <= plain["memory"] + found["frozen_head"])


def markdown(found: Mapping[str, Any]) -> str:
    """A row for each way, and what was run."""
    shape, texts = found["shape"], found["texts"]
    lines = [
        f"# bench speed, {shape['name']} on {found['device']}",
        "",
        *results.table(COLUMNS, *(_cells(way, own) for way, own in found["ways"].items())),
        "",
        f"{shape['layers']} layers of width {shape['width']}, {shape['vocabulary']:,} vocabulary entries, random weights; "
        f"{texts['retain']} retain texts and {texts['pairs']} pairs of {texts['lengths'][0]} to {texts['lengths'][1]} tokens; "
        f"{found['precision']}, fused AdamW{LORA if shape['rank'] else ''}. In brackets: least and most over the turns. "
        f"The frozen head, which no plain step has: {found['frozen_head']:.0f} MiB.",
        "",
        results.origin_line(found),
    ]
    return "\n".join(lines) + "\n"


def _cells(way: str, own: Mapping[str, Any]) -> list[str]:
    if own["seconds"] is None:
        return [NAMES[way], "does not fit", *[""] * (len(COLUMNS) - 2)]
    return [NAMES[way], f"{own['seconds']:.3f}", *(_told(own[other]) for other in BESIDE), f"{own['memory']:.0f}"]


def _told(ratio: Mapping[str, float] | None) -> str:
    return f"{ratio['ratio']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})" if ratio else ""
