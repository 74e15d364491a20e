"""What judging a changed model costs, by profile, beside the unlearning that it judges."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xlforget import model_io, planning
from xlforget.asked import Apply
from xlforget.comparison import Comparison
from xlforget.measure.profiles import PROFILES


def seconds(asked: Apply) -> dict[str, Any]:
    """Of ``asked``, which was erased into its folder: the seconds that unlearning took, and those that each profile takes.

    What the model before scores is computed once for any number of verdicts, and is not among them.
    """
    base = model_io.open_model(asked.model, asked.device)
    plan = planning.plan(asked, planning.read_inputs(asked), base)
    edited = model_io.reopen(asked.out, asked.device)
    audit = json.loads((asked.out / "audit.json").read_text("utf-8"))
    whole, found = Comparison.of(plan, PROFILES["full"], asked.seed), dict[str, float]()
    for name, profile in PROFILES.items():
        beside = replace(whole, tested=profile)
        began = time.monotonic()
        beside.verdict(beside.examine(edited))
        found[name] = time.monotonic() - began
    return {"unlearning": audit["method"]["seconds"], "judging": found}


def line(cost: Mapping[str, Any]) -> str:
    """One sentence of it."""
    whole = max(cost["unlearning"], 1e-9)
    each = ", ".join(f"`{name}` {own:.1f} s ({own / whole:.3f} of that)" for name, own in cost["judging"].items())
    return f"Unlearning took {whole:.0f} s; judging what came of it: {each}; the model before, which is judged once, apart."
