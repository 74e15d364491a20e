"""The gate itself measured: models of which it is known whether they forgot, and whether it lets them pass.

Beside them its size: sets drawn from text that a model never saw, in the place of the facts, must not be found.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from xlforget import model_io, pipeline, planning
from xlforget.asked import Apply, Measure
from xlforget.corpus.encode import Encoded
from xlforget.experiments import cheats, gate_tables, results
from xlforget.experiments.main import MEMORISED, Bench, asked_of, choose, files_of
from xlforget.experiments.memorised import train_missing
from xlforget.experiments.runs import Commands, Say, keeping
from xlforget.lm import Lm
from xlforget.measure.check import Check, Sheets
from xlforget.measure.examine import sheet
from xlforget.measure.gate import test_checks
from xlforget.measure.verdict import Outcome
from xlforget.planning import Plan

WHOLE_LEFT = (1, 2, 4, 8)
SETS, QUICK_SETS = 1000, 50
PROFILES = ("quick", "standard")
Change = Callable[[Lm, Sequence[Encoded], Sequence[Encoded]], None]
CHEATS: dict[str, Change] = {
    "answers pushed just below the first place": lambda lm, facts, kept: cheats.demote(lm, facts),
    "rows of the head shrunk": lambda lm, facts, kept: cheats.shrink_rows(lm, facts),
    "hidden within the steps of 4 bits": cheats.hide_within_four_bits,
    "broken to noise": lambda lm, facts, kept: cheats.break_to_noise(lm),
}


@dataclass(frozen=True)
class Judged:
    """One model under one profile. ``must``: whether it must pass; None: a leak so small that either is possible."""

    model: str
    profile: str
    must: bool | None
    passed: bool
    failed: Mapping[str, int]


def run(dataset: str, data: Path | None, out: Path, *, quick: bool, say: Say, quiet: bool = False) -> Bench:
    """All models on one set. ``passed``: every model that must pass passes `standard`, and no other does.

    Models that are there already are not made again. Raises UsageError for a set that is none, or without its data.
    """
    chosen = choose(dataset)
    folder = out / chosen.name
    files = files_of(chosen, data, folder / "data")
    train_missing(chosen, files, folder, MEMORISED, say)
    key = folder / "key.pem"
    if not key.exists():
        Commands(say, quiet)("keygen", str(key))
    asked = asked_of(chosen, files, folder, key)
    models = _models(asked, folder, quick=quick, say=say)
    judged = [_judge(name, where, must, asked, profile, say) for name, (where, must) in models.items() for profile in PROFILES]
    document = results.origin("gate") | {
        "set": chosen.name,
        "models": [asdict(own) for own in judged],
        "size": size(asked, QUICK_SETS if quick else SETS, say),
    }
    markdown = gate_tables.markdown(document)
    target = folder / "gate"
    target.mkdir(exist_ok=True)
    results.write(target, document, markdown)
    return Bench(gate_tables.holds(document), document, markdown)


def _models(asked: Apply, folder: Path, *, quick: bool, say: Say) -> dict[str, tuple[Path, bool | None]]:
    """By name: where each lies, and whether it must pass."""
    made = folder / "gate-models"
    made.mkdir(exist_ok=True)
    found: dict[str, tuple[Path, bool | None]] = {"as it was": (Path(asked.model), False), "retrained": (folder / "gold", True)}
    first = asked.languages[0]
    found[f"erased in {first} alone"] = _erased(replace(asked, languages=(first,), out=made / "one-language"), say), False
    for count in () if quick else WHOLE_LEFT:
        request = _without(Path(asked.requests[0]), count, made)
        where = _erased(replace(asked, requests=(str(request),), out=made / f"left-{count}"), say)
        found[f"{count} facts left whole"] = where, None
    for name, change in CHEATS.items():
        found[name] = _cheat(name, change, asked, made, say), False
    return found


def _erased(asked: Apply, say: Say) -> Path:
    if not asked.out.is_dir():
        say(f"erasing for {asked.out.name}")
        keeping(replace(asked, profile="quick"), say)
    return asked.out


def _without(request: Path, count: int, made: Path) -> Path:
    """The request less its first facts."""
    target = made / f"{request.stem}-less-{count}.jsonl"
    target.write_text("".join(request.read_text("utf-8").splitlines(keepends=True)[count:]), encoding="utf-8")
    return target


def _cheat(name: str, change: Change, asked: Apply, made: Path, say: Say) -> Path:
    where = made / name.replace(" ", "-")
    if not where.is_dir():
        say(f"making: {name}")
        plan = _plan(asked)
        change(plan.base.lm, [probe.text for probe in plan.corpus.facts], [row.text for row in plan.corpus.retain])
        part = where.with_name(f"{where.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        plan.base.lm.model.save_pretrained(part)
        plan.base.encoder.tokenizer.save_pretrained(part)
        part.rename(where)
    return where


def _plan(asked: Apply) -> Plan:
    return planning.plan(asked, planning.read_inputs(asked), model_io.open_model(asked.model, asked.device))


def _judge(name: str, where: Path, must: bool | None, asked: Apply, profile: str, say: Say) -> Judged:
    """By `xlforget measure --gate`, once: what was found is kept."""
    kept = where.parent / f"{where.name}-{profile}.json"
    if not kept.is_file():
        say(f"judging by {profile}: {name}")
        question = Measure(
            requests=asked.requests, model=str(where), base=asked.model, languages=asked.languages,
            retain=asked.retain, unseen=asked.unseen, profile=profile,
        )  # fmt: skip
        verdict = pipeline.measure(question, _Silent())
        failed = [test.check for test in verdict.tests if test.outcome not in (Outcome.PASS, Outcome.NOT_APPLICABLE)]
        failed += [bound.name for bound in verdict.bounds if bound.required and bound.outcome is not Outcome.PASS]
        counts = {check: failed.count(check) for check in dict.fromkeys(failed)}
        kept.write_text(json.dumps(asdict(Judged(name, profile, must, verdict.passed, counts))), encoding="utf-8")
    return Judged(**json.loads(kept.read_text("utf-8")))


def size(asked: Apply, sets: int, say: Say) -> dict[str, int]:
    """How many of ``sets`` random sets of unseen rows, as many as there are facts, the tests find in the model as it was."""
    say(f"size of the tests: {sets} sets of unseen text in the place of the facts")
    plan = _plan(asked)
    corpus, lm = plan.corpus, plan.base.lm
    held = [probe for split in ("aim", "stop") for probe in corpus.controls[split] if probe.serves("train")]
    unseen, controls = sheet(lm, held), sheet(lm, corpus.controls["gate"])
    rows, facts = unseen.rows(), len({probe.row for probe in corpus.facts})
    draw = np.random.default_rng(0)
    found = 0
    for number in range(sets):
        chosen = unseen.only({rows[k] for k in draw.permutation(len(rows))[:facts]})
        scores = Sheets(chosen, controls)
        tests = test_checks([Check("unseen", "train", corpus.langs, scores, scores)], plan.policy.alpha, number)
        found += any(test.outcome is Outcome.FAIL for test in tests)
    return {"sets": sets, "facts": facts, "found": found}


class _Silent:
    def stage(self, name: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...
