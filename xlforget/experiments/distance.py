"""How far an erased model lies from models that were retrained without the facts, against how far these lie from each other.

Another training run gives another model: what it makes of text that it never saw differs, too. So scores are compared as they
are, and less what the same model makes of unseen answers of the same kind in the same language. The margin, an answer's
log-probability less that of other answers, is close to the logarithm of TOFU's truth ratio (arXiv 2401.06121) but for its sign;
the p-value of the KS test of that ratio beside a retrained model's is the field's measure of forgetting.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xlforget import model_io
from xlforget.corpus.corpus import Corpus
from xlforget.corpus.others import about_others, identifies
from xlforget.corpus.probes import Role
from xlforget.experiments.figures import ks
from xlforget.experiments.planted import RETRAINED
from xlforget.lm import Lm
from xlforget.measure.examine import sheet
from xlforget.measure.scores import Sheet
from xlforget.measure.thresholds import Table

ROLES: dict[Role, str] = {"train": "the request's wordings", "gate": "held-out wordings"}


class Scored(NamedTuple):
    """One model. ``tables``: by score, a figure for each fact and language, [facts, languages], NaN where there is none.

    ``ma``: by wordings, the mean over pairs of the facts, and that over unseen answers; ``others``: the same of log-probability,
    of answers that are one person's alone, asked about others, where there are any.
    """

    tables: Mapping[str, Table]
    ma: Mapping[str, tuple[float, float]]
    others: tuple[float, float] | None = None


def measure(models: Mapping[str, Sequence[Path]], corpus: Corpus, device: str = "auto") -> dict[str, Any]:
    """Distances of ``models``, which has those that were retrained, to these, and MA of all, by name."""
    found = {name: [_scored(model_io.open_model(str(one), device).lm, corpus) for one in own] for name, own in models.items()}
    ks_by_score = distances({name: [one.tables for one in own] for name, own in found.items()})
    return {"ks": ks_by_score, "ma": _ma(found), "others": _others(found)}


def _scored(lm: Lm, corpus: Corpus) -> Scored:
    plain = scored(sheet(lm, corpus.facts), sheet(lm, corpus.controls["gate"]), corpus.langs)
    return plain._replace(others=_asked_about_others(lm, corpus))


def _asked_about_others(lm: Lm, corpus: Corpus) -> tuple[float, float] | None:
    facts, controls = ([p for p in own if p.serves("train")] for own in (corpus.facts, corpus.controls["gate"]))
    alone, unseen = ([probe for probe in own if identifies(probe.relation)] for own in (facts, controls))
    if not alone:
        return None
    asked = (sheet(lm, about_others(own, controls)).table("logp", "train", corpus.langs) for own in (alone, unseen))
    mean, of_unseen = (float(np.nanmean(table)) for table in asked)
    return mean, of_unseen


def scored(facts: Sheet, controls: Sheet, langs: Sequence[str]) -> Scored:
    """What a model makes of the facts, and of the controls that the verdict is taken from."""
    logp, margin = (facts.table(score, "train", langs) for score in ("logp", "margin"))
    tables = {"log p": logp, "log p less unseen": logp - _level(facts, controls, langs), "margin": margin}
    has = [role for role in ROLES if any(probe.serves(role) for probe in facts.probes)]
    return Scored(
        {name: table for name, table in tables.items() if not np.isnan(table).all()},
        {ROLES[role]: (_mean_ma(facts, role, langs), _mean_ma(controls, role, langs)) for role in has},
    )


def _level(facts: Sheet, controls: Sheet, langs: Sequence[str]) -> Table:
    """Of each fact and language: the mean log-probability of unseen answers of its relation."""
    table, kinds = controls.table("logp", "train", langs), np.array(controls.relations())
    return np.stack([np.nanmean(table[kinds == kind] if kind in kinds else table, axis=0) for kind in facts.relations()])


def _mean_ma(own: Sheet, role: Role, langs: Sequence[str]) -> float:
    table = own.table("ma", role, langs)
    return float(np.nanmean(table)) if not np.isnan(table).all() else float("nan")


def distances(models: Mapping[str, Sequence[Mapping[str, Table]]]) -> dict[str, dict[str, dict[str, float]]]:
    """By score and model: the mean KS distance to the retrained ones, over all pairs and in the median language.

    Of retrained ones: to each other. Empty where there are fewer than two of these.
    """
    retrained = models[RETRAINED]
    if len(retrained) < 2:
        return {}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for score in retrained[0]:
        own = found[score] = {}
        for name, scores in models.items():
            pairs = combinations(scores, 2) if name == RETRAINED else product(scores, retrained)
            each = [_ks(one[score], other[score]) for one, other in pairs]
            pooled, median = np.mean(each, axis=0)
            own[name] = {"pooled": float(pooled), "median language": float(median)}
    return found


def _ks(one: Table, other: Table) -> tuple[float, float]:
    """Over all figures, and the median over the columns that have any of that of each."""
    has = [k for k in range(one.shape[1]) if not (np.isnan(one[:, k]).all() or np.isnan(other[:, k]).all())]
    columns = [_ks_of(one[:, k], other[:, k]) for k in has]
    return _ks_of(one, other), float(np.median(columns))


def _ks_of(one: Table, other: Table) -> float:
    return ks(one[~np.isnan(one)], other[~np.isnan(other)])


def _others(found: Mapping[str, Sequence[Scored]]) -> dict[str, dict[str, float]]:
    """By model, means over models."""
    had = {name: [one.others for one in own if one.others] for name, own in found.items()}
    return {name: dict(zip(("facts", "unseen"), np.mean(own, axis=0).tolist(), strict=True)) for name, own in had.items() if own}


def _ma(found: Mapping[str, Sequence[Scored]]) -> dict[str, dict[str, dict[str, float]]]:
    """By wordings and model: MA of the facts and of unseen answers, means over models."""
    wordings = next(iter(found.values()))[0].ma
    return {
        own: {
            name: dict(zip(("facts", "unseen"), np.mean([one.ma[own] for one in scores], axis=0).tolist(), strict=True))
            for name, scores in found.items()
        }
        for own in wordings
    }
