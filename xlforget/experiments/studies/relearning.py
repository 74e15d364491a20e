"""What comes back of the facts when half of them are learned again, beside what a model that never knew them then says."""

from functools import lru_cache
from pathlib import Path

from xlforget import model_io
from xlforget.experiments.figures import ks
from xlforget.experiments.studies import trial
from xlforget.experiments.studies.bed import Bed
from xlforget.experiments.studies.study import Figures
from xlforget.measure.attacks import Ground, Relearned, put_through
from xlforget.measure.examine import asked_after, sheet
from xlforget.measure.scores import Sheet


def relearned(bed: Bed, model: Path) -> Figures:
    """MA of the other half, and the KS distance of its log-probabilities to gold's after the same."""
    own, gold = _scores(bed, model), _scores(bed, bed.gold) if bed.gold else None
    found: Figures = {"relearned_ma": sum(score.ma for score in own.scores) / len(own.scores)}
    return found | ({"relearned_ks": ks(trial.logps(own), trial.logps(gold))} if gold else {})


@lru_cache(2)
def _scores(bed: Bed, model: Path) -> Sheet:
    corpus, lm, attack = trial.corpus_of(bed), model_io.reopen(model), Relearned()
    ground = Ground.of(corpus, "stop")
    with put_through(lm, attack, ground):
        return sheet(lm, asked_after(attack, ground, ())[0])
