"""One cell: the real line in this process, and what it left of the facts, of what must stay, and of the distance to gold."""

import json
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from xlforget import model_io, pipeline, planning
from xlforget.asked import Apply
from xlforget.corpus.corpus import Corpus
from xlforget.corpus.probes import Probe, encode_pairs
from xlforget.experiments import figures
from xlforget.experiments.studies.bed import Bed
from xlforget.experiments.studies.study import Cell, Figures
from xlforget.lm import Lm
from xlforget.measure import checking
from xlforget.measure import examine as measure
from xlforget.measure.examine import Examination
from xlforget.measure.gate import gate
from xlforget.measure.kept import Kept, kept
from xlforget.measure.memorization import token_scores
from xlforget.measure.scores import Sheet
from xlforget.planning import Plan
from xlforget.unlearn.engine import Round

CANDIDATES = 16


def run(cell: Cell, bed: Bed) -> Figures:
    """Unlearn as the cell's arm has it, then measure in all languages of the set, whichever were unlearned."""
    if cell.arm.given:
        return measured(bed, bed.given(cell.arm.given))
    with scratch(bed, cell) as folder:
        model, spent = erase(asked(cell, bed, folder / "out"), folder / "model")
        return measured(bed, model) | spent


@contextmanager
def scratch(bed: Bed, cell: Cell) -> Iterator[Path]:
    """An empty folder for what the cell makes on its way; gone afterwards. Another study's cell of that name has its own."""
    above = bed.folder / "scratch"
    above.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix=f"{cell.name}-", dir=above, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def asked(cell: Cell, bed: Bed, out: Path) -> Apply:
    """What `apply` is asked for this cell."""
    arm = cell.arm
    teacher = str(bed.folder / arm.teacher) if arm.teacher else ""
    return replace(
        bed.asked(out), method=bed.sized(arm.method), languages=arm.languages or bed.languages, teacher=teacher, seed=cell.seed
    )  # fmt: skip


def erase(own: Apply, model: Path) -> tuple[Path, Figures]:
    """`pipeline.apply`: where the model that it leaves lies, and what it cost.

    That is ``model``, whatever the gate says, or the one before where none was made.
    """
    began = time.monotonic()
    applied = pipeline.apply(own, _Keeping(model))
    audit = json.loads((applied.folder / "audit.json").read_text("utf-8"))
    spent = {
        "steps": audit["method"]["steps"],
        "unlearning": audit["method"]["seconds"],
        "seconds": time.monotonic() - began,
    }
    return model if model.is_dir() else Path(own.model), spent


@dataclass(frozen=True)
class _Keeping:
    target: Path

    def stage(self, name: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...

    def round(self, seen: Round) -> None: ...

    def candidate(self, folder: Path) -> None:
        shutil.copytree(folder, self.target)


@dataclass(frozen=True)
class _Ground:
    """What all cells of a bed are measured against. ``gold``: mean log-probabilities of the facts; None without gold."""

    plan: Plan
    before: Examination
    gold: list[float] | None


@lru_cache(1)
def _ground(bed: Bed) -> _Ground:
    asked = bed.asked(bed.folder / "none")
    plan = planning.plan(asked, planning.read_inputs(asked), model_io.open_model(asked.model, asked.device))
    gold = measure.sheet(model_io.reopen(bed.gold), plan.corpus.facts) if bed.gold else None
    before = measure.examine(plan.base.lm, plan.corpus, plan.corpus.controls["gate"])
    return _Ground(plan, before, logps(gold) if gold else None)


def measured(bed: Bed, model: Path) -> Figures:
    """Figures of the model that lies at ``model``: over languages, and under "languages" by language."""
    ground = _ground(bed)
    plan, own = ground.plan, model_io.reopen(model)
    after = measure.examine(own, plan.corpus, plan.corpus.controls["gate"])
    checks = checking.checks(ground.before, after, plan.corpus.groups, plan.policy)
    bounds = measure.bounds(ground.before, after, plan.policy)
    verdict = gate(checks, bounds, plan.policy, profile="quick", seed=0, power=False)
    others = kept(own, figures.bystanders(plan.base.encoder, bed.files["bystanders"]))
    languages = _by_language(plan, after, others, _ranked(own, plan))
    return _over(languages) | {
        "gate": float(verdict.passed),
        "ks": figures.ks(logps(after.facts), ground.gold) if ground.gold else None,
        "languages": languages,
    }


def corpus_of(bed: Bed) -> Corpus:
    """What all cells of a bed are measured on."""
    return _ground(bed).plan.corpus


def known(bed: Bed, model: Path, rows: Set[str]) -> float:
    """MA of these facts in the training wordings, over all languages."""
    probes = [probe for probe in corpus_of(bed).facts if probe.row in rows and probe.serves("train")]
    return _mean(score.ma for score in measure.sheet(model_io.reopen(model), probes).scores)


def _by_language(plan: Plan, after: Examination, others: Sequence[Kept], ranked: dict[str, list[bool]]) -> dict[str, Figures]:
    """Means over the pairs of each language, in the wordings that training reads."""
    found: dict[str, Figures] = {}
    for lang in plan.corpus.langs:
        own = [s for p, s in zip(after.facts.probes, after.facts.scores, strict=True) if p.lang == lang and p.serves("train")]
        stays = {
            part: next((k for k in texts if k.lang == lang), None)
            for part, texts in (("retain", after.retain), ("bystanders", others), ("unseen", after.unseen))
        }
        found[lang] = {
            "forget_ma": _mean(s.ma for s in own),
            "forget_logp": _mean(s.logp for s in own),
            "forget_ppl": float(np.exp(-_mean(s.logp for s in own))),
            "extraction": _mean(s.es for s in own),
            "pa": _mean(map(float, ranked[lang])) if ranked.get(lang) else None,
        }
        found[lang] |= {f"{part}_ma": k.ma if k else None for part, k in stays.items()}
        found[lang] |= {f"{part}_ppl": k.perplexity if k else None for part, k in stays.items()}
    return found


def _over(languages: dict[str, Figures]) -> Figures:
    """Means over languages, and the worst language: most left of the facts, least left of what must stay."""
    names = next(iter(languages.values()))
    columns = {name: [own[name] for own in languages.values() if own[name] is not None] for name in names}
    found: Figures = {name: _mean(values) if values else None for name, values in columns.items()}
    found["forget_ma_worst"] = max(columns["forget_ma"])
    found["retain_ma_worst"] = min(columns["retain_ma"], default=None)
    found["bystanders_ma_worst"] = min(columns["bystanders_ma"], default=None)
    return found


def _ranked(lm: Lm, plan: Plan) -> dict[str, list[bool]]:
    """Per language and fact that has other answers: whether the true one is more likely than each of them (PA)."""
    probes, _ = encode_pairs(plan.base.encoder, plan.parallel.usable(), CANDIDATES, {"train", "all"})
    first = {(p.row, p.lang): p for p in reversed(probes) if p.alternatives}
    found: dict[str, list[bool]] = {}
    for probe, won in zip(first.values(), outranks(lm, list(first.values())), strict=True):
        found.setdefault(probe.lang, []).append(won)
    return found


def outranks(lm: Lm, probes: Sequence[Probe]) -> list[bool]:
    """Probing accuracy of each probe: its answer's mean log-probability is above those of all its alternatives."""
    scores = iter(token_scores(lm, [text for p in probes for text in (p.text, *p.alternatives)]))
    found = []
    for probe in probes:
        own, *others = (next(scores).mean_logp for _ in range(1 + len(probe.alternatives)))
        found.append(own > max(others))
    return found


def logps(sheet: Sheet) -> list[float]:
    """Mean log-probability of each answer."""
    return [score.logp for score in sheet.scores]


def _mean(values: Iterable[Any]) -> float:
    return float(np.mean(list(values)))
