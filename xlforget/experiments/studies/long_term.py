"""Fine-tuning tasks one after another behind the unlearning: whether what was forgotten comes back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer

from xlforget.corpus.encode import Encoder
from xlforget.corpus.texts import neutral
from xlforget.experiments.memorised import CONTEXT, read_statements
from xlforget.experiments.small_model import memorise
from xlforget.experiments.studies import stages, trial
from xlforget.experiments.studies.bed import Bed
from xlforget.experiments.studies.plots import Axis
from xlforget.experiments.studies.study import Arm, Cell, Column, Figures, Study
from xlforget.request.reader import read_texts
from xlforget.unlearn.methods import METHODS

OTHERS = ("de", "es", "hi", "pt")
EPOCHS, RATE = 3, 5e-4
FIGURES = ("forget_ma", "gate", "ks", "bystanders_ma")


def tasks(bed: Bed) -> list[list[str]]:
    """Texts of each task, in their order: retain text, languages that the set has not, instructions about other people.

    None of them states a fact of the request.
    """
    others = [s.text for row in neutral(OTHERS) for s in row.statements.values()]
    return [read_statements(bed.files["retain"], bed.languages), others, _instructions(bed)]


def _instructions(bed: Bed) -> list[str]:
    found = []
    for row in read_texts(bed.files["test" if "test" in bed.files else "bystanders"]):
        for statement in row.statements.values():
            found.append(f"### Instruction:\nRepeat what is said here.\n{statement.text}\n### Response:\n{statement.text}")
    return found[::8]


def tune(model: Path, texts: Sequence[str], target: Path, seed: int) -> None:
    """Train all weights of ``model`` on ``texts``; what comes of it lies at ``target``."""
    tokenizer: Any = AutoTokenizer.from_pretrained(model, trust_remote_code=False, local_files_only=True)
    own: Any = AutoModelForCausalLM.from_pretrained(model, trust_remote_code=False, local_files_only=True)
    encoder = Encoder(tokenizer, CONTEXT)
    memorise(own, [encoder.encode(text, None) for text in texts], epochs=EPOCHS, lr=RATE, seed=seed)
    own.save_pretrained(target)
    tokenizer.save_pretrained(target)


def run(cell: Cell, bed: Bed) -> Figures:
    """Unlearn as the arm has it, then the tasks, with all figures of the last model and some of each on the way."""
    with trial.scratch(bed, cell) as folder:
        model, spent = _begin(cell, bed, folder)
        last = trial.measured(bed, model)
        found = stages.at(0, last, FIGURES)
        for number, texts in enumerate(tasks(bed), start=1):
            tune(model, texts, folder / f"task-{number}", number)  # the same order of texts for every arm
            model = folder / f"task-{number}"
            last = trial.measured(bed, model)
            found |= stages.at(number, last, FIGURES)
        return last | found | spent


def _begin(cell: Cell, bed: Bed, folder: Path) -> tuple[Path, Figures]:
    if cell.arm.given:
        return bed.given(cell.arm.given), {}
    return trial.erase(trial.asked(cell, bed, folder / "out"), folder / "model")


def _arms(languages: Sequence[str]) -> list[Arm]:
    return [Arm(name, METHODS[name]) for name in ("adaptive", "lingtea", "npo")]


STUDY = Study(
    name="long-term",
    question="Does what was forgotten come back under fine-tuning: retain text, other languages, instructions?",
    claim="none; it measures right after unlearning.",
    arms=_arms,
    columns=tuple(
        Column(f"{key} after {stage}", f"{title} {['after unlearning', 'retain', 'languages', 'instructions'][stage]}", digits)
        for key, title, digits in (("forget_ma", "forget MA,", 3), ("gate", "gate,", 2), ("bystanders_ma", "bystanders,", 3))
        for stage in range(4)
    ),
    plot=stages.Staged("tasks after unlearning: retain, languages, instructions", Axis("forget_ma", "forget MA")),
    run=run,
)
