"""The gate itself measured: models of which it is known whether they forgot, and whether it lets them pass.

Beside them its size: sets drawn from text that a model never saw, in the place of the facts, must not be found.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as Several
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from xlforget import model_io
from xlforget.asked import Apply
from xlforget.comparison import Comparison
from xlforget.corpus.behind import behind_others
from xlforget.corpus.others import about_others, identifies
from xlforget.corpus.probes import Probe
from xlforget.experiments import distance, gate_tables, invented_data, results
from xlforget.experiments.main import MEMORISED, Bench, asked_of, choose, files_of
from xlforget.experiments.memorised import train_missing
from xlforget.experiments.planted import AS_IT_WAS, ERASED, RETRAINED, Planted, models, plan_of
from xlforget.experiments.runs import Commands, Say
from xlforget.experiments.sets import Part, Set
from xlforget.measure.check import Check, Sheets
from xlforget.measure.examine import BEFORE, sheet
from xlforget.measure.gate import test_checks
from xlforget.measure.policy import ABOUT_OTHERS, BEHIND_OTHERS
from xlforget.measure.profiles import profile
from xlforget.measure.scores import Sheet
from xlforget.measure.verdict import Outcome
from xlforget.planning import Plan

SETS, QUICK_SETS = 1000, 50
PROFILES = ("quick", "standard")


@dataclass(frozen=True)
class Judged:
    """One model of one seed under one profile. ``must``: whether it must pass; None: either is possible.

    ``gate``: SHA-256 of the code that judged.
    """

    model: str
    profile: str
    must: bool | None
    passed: bool
    failed: Mapping[str, int]
    seed: int = 0
    gate: str = ""


def run(dataset: str, data: Path | None, out: Path, *, quick: bool, say: Say, quiet: bool = False, seeds: int = 1) -> Bench:
    """All models on one set, of each of ``seeds`` seeds. ``passed``: every model that must pass passes `standard`, and no
    other does.

    Models that are there already are not made again. Raises UsageError for a set that is none, or without its data.
    """
    chosen = choose(dataset)
    if chosen is invented_data.INVENTED:
        chosen = invented_data.QUICK if quick else invented_data.GATED
    folder = out / chosen.name
    files = files_of(chosen, data, folder / "data")
    train_missing(chosen, files, folder, MEMORISED, say)
    key = folder / "key.pem"
    if not key.exists():
        Commands(say, quiet)("keygen", str(key))
    asked = asked_of(chosen, files, folder, key)
    planted, judged = _all_seeds(chosen, files, asked, seeds=seeds, quick=quick, say=say)
    plan = plan_of(asked)
    document = results.origin("gate") | {
        "set": chosen.name,
        "models": [asdict(own) for own in judged],
        "size": size(plan, QUICK_SETS if quick else SETS, say),
        "distance": _distance(planted, plan, asked.device),
    }
    markdown = gate_tables.markdown(document)
    target = folder / "gate"
    target.mkdir(exist_ok=True)
    results.write(target, document, markdown)
    return Bench(gate_tables.holds(document), document, markdown)


def _all_seeds(
    chosen: Set, files: Mapping[Part, Path], asked: Apply, *, seeds: int, quick: bool, say: Say
) -> tuple[list[Planted], list[Judged]]:
    """The models of all seeds, and what each profile says of each."""
    planted: list[Planted] = []
    judged: list[Judged] = []
    for seed in range(seeds):
        of_seed = replace(asked, seed=seed)
        judges = _Judges(of_seed, say)
        for one in models(chosen, files, of_seed, quick=quick, say=say):
            planted.append(one)
            judged += judges.judged(one)
    return planted, judged


def _distance(planted: Sequence[Planted], plan: Plan, device: str) -> dict[str, Any]:
    """Of the models that nobody tampered with, each once, to the retrained ones."""
    compared = {name: sorted({one.where for one in planted if one.name == name}) for name in (RETRAINED, ERASED, AS_IT_WAS)}
    return distance.measure({name: own for name, own in compared.items() if own}, plan.corpus, device)


class _Judges:
    """The gate on many models beside one that is examined once, for all languages that are asked in."""

    def __init__(self, asked: Apply, say: Say) -> None:
        self._asked, self._say = asked, say
        self._beside: dict[tuple[str, ...], Comparison] = {}

    def judged(self, planted: Planted) -> Iterator[Judged]:
        """By what `xlforget measure --gate` judges by, once: what was found is kept until the gate itself is another."""
        asking = "-" + "-".join(planted.languages) if planted.languages else ""
        seed = f"-seed-{self._asked.seed}" if self._asked.seed else ""
        kept = self._asked.out.parent / "gate" / f"{planted.where.name}{asking}{seed}.json"
        known = json.loads(kept.read_text("utf-8")) if kept.is_file() else []
        if [own["gate"] for own in known] != [_code()] * len(PROFILES):
            self._say(f"judging: {planted.name}")
            known = [asdict(own) for own in self._judge(planted)]
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(json.dumps(known), encoding="utf-8")
        yield from (Judged(**own) for own in known)

    def _judge(self, planted: Planted) -> Iterator[Judged]:
        """By each profile; the last one makes all attacks that the others make."""
        beside = self._comparison(planted.languages or self._asked.languages)
        found = beside.examine(model_io.open_model(str(planted.where), self._asked.device).lm)
        for name in PROFILES:
            verdict = beside.verdict(found, profile(name))
            failed = [test.check for test in verdict.tests if test.outcome not in (Outcome.PASS, Outcome.NOT_APPLICABLE)]
            failed += [bound.name for bound in verdict.bounds if bound.required and bound.outcome is not Outcome.PASS]
            counts = {check: failed.count(check) for check in dict.fromkeys(failed)}
            yield Judged(planted.name, name, planted.must, verdict.passed, counts, self._asked.seed, _code())

    def _comparison(self, languages: tuple[str, ...]) -> Comparison:
        if languages not in self._beside:
            plan = plan_of(replace(self._asked, languages=languages))
            self._beside[languages] = Comparison.of(plan, profile(PROFILES[-1]), self._asked.seed)
        return self._beside[languages]


@cache
def _code() -> str:
    """A digest of what judges, and of what it asks."""
    rooms = (resources.files(room) for room in ("xlforget.measure", "xlforget.corpus", "xlforget.request"))
    files = sorted((file for room in rooms for file in room.iterdir() if file.name.endswith((".py", ".toml"))), key=str)
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def size(plan: Plan, sets: int, say: Say) -> dict[str, int]:
    """How many of ``sets`` random sets of unseen rows, as many as there are facts, the tests find in the model as it was."""
    say(f"size of the tests: {sets} sets of unseen text in the place of the facts")
    corpus = plan.corpus
    held, controls = (
        [probe for split in splits for probe in corpus.controls[split] if probe.serves("train")]
        for splits in (("aim", "stop"), ("gate",))
    )
    alone, beside = ([probe for probe in own if identifies(probe.relation)] for own in (held, controls))
    after, beyond = (behind_others(own, controls, BEFORE, corpus.context) for own in (held, controls))
    asked: list[tuple[str | None, list[Probe], list[Probe]]] = [(None, held, controls), (BEHIND_OTHERS, after, beyond)]
    if alone:
        asked.append((ABOUT_OTHERS, about_others(alone, controls), about_others(beside, controls)))
    scored = [(attack, sheet(plan.base.lm, own), sheet(plan.base.lm, unseen)) for attack, own, unseen in asked]
    rows, facts = scored[0][1].rows(), len({probe.row for probe in corpus.facts})
    draw = np.random.default_rng(0)
    found = 0
    for number in range(sets):
        chosen = {rows[k] for k in draw.permutation(len(rows))[:facts]}
        tests = test_checks([_unseen(*own, chosen, corpus.langs) for own in scored], plan.policy.alpha, number)
        found += any(test.outcome is Outcome.FAIL for test in tests)
    return {"sets": sets, "facts": facts, "found": found}


def _unseen(attack: str | None, held: Sheet, controls: Sheet, rows: Several[str], langs: tuple[str, ...]) -> Check:
    """Unseen rows in the place of the facts, for one model that stands in for both."""
    scores = Sheets(held.only(rows), controls)
    return Check(f"unseen: {attack}", "train", langs, scores, scores, attack=attack)
