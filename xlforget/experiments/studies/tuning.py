"""Each arm's learning rate, chosen on facts that are not reported, by the same number of trials for every arm."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from xlforget import model_io, planning
from xlforget.asked import Apply
from xlforget.corpus.probes import Probe
from xlforget.experiments.figures import ks
from xlforget.experiments.studies import trial
from xlforget.experiments.studies.bed import Bed
from xlforget.experiments.studies.study import Arm, Cell, Done, Figures, Study
from xlforget.lm import Lm
from xlforget.measure.examine import sheet
from xlforget.measure.kept import kept, mean_ma

FACTORS = (1.0, 0.3, 3.0)  # where they tie, the method's own rate stays
SEED = 9  # none of those that are reported
NOTE = (
    "Learning rates: of {tried} times each method's own, the one with the least KS distance between forgotten and unseen facts "
    "plus the share of MA lost on retain rows that were not shown, on other facts than these and with another seed."
)

RunCells = Callable[[Study, Sequence[Cell]], Sequence[Done]]


def tuned(study: Study, bed: Bed, run_cells: RunCells) -> Study:
    """The study with the best rate for each of its arms; as it is where the bed has no facts to tune on."""
    if "tuning" not in bed.files:
        return study
    arms = study.arms(bed.languages)
    tries = {arm.name: _tries(arm) for arm in arms}
    cells = [Cell(one, SEED) for own in tries.values() for one in own]
    score = {one.cell.arm.name: one.figures["score"] for one in run_cells(_trials(study), cells)}
    best = [replace(min(tries[arm.name], key=lambda own: score[own.name]), name=arm.name) for arm in arms]
    return replace(study, arms=lambda languages: best, note=NOTE.format(tried=", ".join(f"{own:g}" for own in sorted(FACTORS))))


def _tries(arm: Arm) -> list[Arm]:
    rates = [arm.method.lr * factor for factor in FACTORS]
    return [replace(arm, name=f"{arm.name}, rate {rate:g}", method=replace(arm.method, lr=rate)) for rate in rates]


def _trials(study: Study) -> Study:
    return replace(study, name=f"{study.name}/tuning", run=run)


def run(cell: Cell, bed: Bed) -> Figures:
    """Unlearn the tuning facts as the cell's arm has it. "score": what a good rate makes small."""
    with trial.scratch(bed, cell) as folder:
        asked = replace(trial.asked(cell, bed, folder / "out"), requests=(str(bed.files["tuning"]),))
        model, spent = trial.erase(asked, folder / "model")
        return _scored(asked, model) | spent


def _scored(asked: Apply, changed: Path) -> Figures:
    base, lm = model_io.open_model(asked.model, asked.device), model_io.reopen(changed)
    corpus = planning.plan(asked, planning.read_inputs(asked), base).corpus
    far = ks(_levels(lm, corpus.facts), _levels(lm, corpus.controls["stop"]))
    lost = 1 - mean_ma(kept(lm, corpus.bystanders)) / mean_ma(kept(base.lm, corpus.bystanders))
    return {"ks": far, "lost": lost, "score": far + max(0.0, lost)}


def _levels(lm: Lm, probes: Sequence[Probe]) -> list[float]:
    """Mean log-probabilities of the answers in the training wordings."""
    return trial.logps(sheet(lm, [probe for probe in probes if probe.serves("train")]))
