"""What `bench main` measures by itself: the base, the edited models and gold on the same facts, controls and texts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from xlforget import model_io, planning
from xlforget.asked import Apply
from xlforget.corpus.corpus import Text
from xlforget.corpus.encode import Encoder
from xlforget.lm import Lm
from xlforget.measure import checking
from xlforget.measure import examine as measure
from xlforget.measure.examine import Examination
from xlforget.measure.gate import gate
from xlforget.measure.kept import Kept, kept, mean_ma
from xlforget.planning import Plan
from xlforget.request.reader import read_texts


@dataclass(frozen=True)
class Measured:
    """One model: what the gate reads, and MA on the bystanders that no run was shown."""

    exam: Examination
    bystanders: tuple[Kept, ...]


def measure_all(models: Mapping[str, Path], asked: Apply, others: Path) -> dict[str, Any]:
    """Figures of every model of ``models``, which has "base" and "gold", on what ``asked`` erases and on the bystanders."""
    base = model_io.open_model(asked.model, asked.device)
    plan = planning.plan(asked, planning.read_inputs(asked), base)
    texts = bystanders(base.encoder, others)
    found = {name: _measure(model_io.reopen(folder), plan, texts) for name, folder in models.items()}
    return {
        "pairs": len(plan.corpus.facts),
        "models": {name: _model(found["base"], own, plan) for name, own in found.items()},
        "ks": _distances({name: own.exam for name, own in found.items()}),
    }


def bystanders(encoder: Encoder, path: Path) -> list[Text]:
    """The bystanders in tokens; their answers are what is scored, or the whole sentence."""
    return [
        Text(row.id, lang, encoder.encode(statement.text, statement.span))
        for row in read_texts(path)
        for lang, statement in row.statements.items()
    ]


def _measure(lm: Lm, plan: Plan, others: Sequence[Text]) -> Measured:
    exam = measure.examine(lm, plan.corpus, plan.corpus.controls["gate"])
    return Measured(exam, kept(lm, others))


def _model(base: Measured, own: Measured, plan: Plan) -> dict[str, Any]:
    """The gate judges the model as it would judge an edited one."""
    checks = checking.checks(base.exam, own.exam, plan.corpus.groups, plan.policy)
    bounds = measure.bounds(base.exam, own.exam, plan.policy)
    verdict = gate(checks, bounds, plan.policy, profile="quick", seed=0, power=False)
    return {
        "passes_gate": verdict.passed,
        "forget_ma": _mean([row.ma_after for row in verdict.languages]),
        "forget_logp": _mean([row.logp_after for row in verdict.languages]),
        "retain_ma": _summary(own.exam.retain),
        "bystanders_ma": _summary(own.bystanders),
        "retain_ratio": _ratio(base.exam.retain, own.exam.retain),
        "bystanders_ratio": _ratio(base.bystanders, own.bystanders),
        "languages": [row.model_dump(mode="json") for row in verdict.languages],
        "not_passed": [test.model_dump(mode="json") for test in verdict.tests if test.outcome.value != "PASS"],
        "bystanders_by_language": [asdict(one) for one in own.bystanders],
    }


def _distances(exams: Mapping[str, Examination]) -> dict[str, float]:
    """KS distance of the pairs' mean answer log-probabilities to gold's, and that of unseen text under the base."""
    gold = _logps(exams["gold"])
    found = {f"{name} to gold": ks(_logps(exam), gold) for name, exam in exams.items() if name != "gold"}
    return found | {"unseen under base to gold": ks([score.logp for score in exams["base"].controls.scores], gold)}


def _logps(exam: Examination) -> list[float]:
    return [score.logp for score in exam.facts.scores]


def ks(one: Sequence[float] | NDArray[np.float64], other: Sequence[float] | NDArray[np.float64]) -> float:
    """The largest distance between the two distributions (Kolmogorov-Smirnov)."""
    return float(ks_2samp(one, other).statistic)


def _summary(texts: Sequence[Kept]) -> dict[str, Any]:
    worst = min(texts, key=lambda k: k.ma)
    return {"mean": mean_ma(texts), "worst": worst.ma, "worst_language": worst.lang}


def _ratio(before: Sequence[Kept], after: Sequence[Kept]) -> dict[str, Any]:
    """Of before: the mean over languages, and the language that lost most."""
    each = {b.lang: a.ma / b.ma for b, a in zip(before, after, strict=True) if b.ma}
    lang = min(each, key=lambda key: each[key], default="-")
    return {
        "mean": mean_ma(after) / max(mean_ma(before), 1e-9),
        "worst": each.get(lang, 1.0),
        "worst_language": lang,
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))
