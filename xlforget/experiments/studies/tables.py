"""A study's results as a document and as a table that says where they come from and what they are not."""

import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xlforget import __version__
from xlforget.experiments import results
from xlforget.experiments.studies.bed import Bed
from xlforget.experiments.studies.statistics import estimate, ties
from xlforget.experiments.studies.study import Column, Done, Figures, Study

OWN = "Small models trained from nothing for this, until they knew the texts by heart; not the published checkpoints."
GIVEN = "The model is the one that --model names."
SEEDED = "Mean and 95 % interval (Student's t) over {n} seeds; arms tie where the interval of their paired difference has 0."
ONE = "One seed: there is no interval."
SMALL = "The set is small: each step reads {share:.0%} of the texts that the method would read for a ticket."
SHORT = (
    "The quick form: few arms, one seed, a fifth of the steps' work. It shows that the experiment runs, not what a method can do."
)


def document(study: Study, bed: Bed, done: Sequence[Done], commit: str, *, quick: bool) -> Figures:
    """All of it as plain data: estimates by arm and figure, means by arm, language and figure, and the cells."""
    arms = dict.fromkeys(own.cell.arm.name for own in done)
    return results.origin(study.name) | {
        "commit": commit,
        "set": bed.chosen.name,
        "quick": quick,
        "step": bed.chosen.step,
        "models": GIVEN if bed.gold is None else OWN,
        "question": study.question,
        "claim": study.claim,
        "seeds": len({own.cell.seed for own in done if not own.cell.arm.given}),
        "arms": {name: _arm([own for own in done if own.cell.arm.name == name]) for name in arms},
        "best": _best(study.columns, [own for own in done if not own.cell.arm.given]),
        "cells": [{"arm": own.cell.arm.name, "seed": own.cell.seed, **own.figures} for own in done],
    }


def commit() -> str:
    """The commit of this package's checkout, marked where files differ from it; the version where there is none."""
    package = Path(__file__).parent
    try:
        subprocess.run(["git", "ls-files", "--error-unmatch", __file__], cwd=package, check=True, capture_output=True)
        told = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        return subprocess.run(told, cwd=package, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return f"version {__version__}"


def _arm(done: Sequence[Done]) -> Figures:
    names = [name for name in done[0].figures if name != "languages"]
    languages: Figures = done[0].figures.get("languages", {})
    return {
        "given": bool(done[0].cell.arm.given),
        "figures": {name: asdict(estimate(own)) for name in names if (own := _values(done, name))},
        "languages": {lang: _means([own.figures["languages"][lang] for own in done]) for lang in languages},
    }


def _means(found: Sequence[Figures]) -> Figures:
    return {name: estimate([own[name] for own in found]).mean for name in found[0] if found[0][name] is not None}


def _values(done: Sequence[Done], name: str) -> list[float]:
    return [own.figures[name] for own in done if own.figures.get(name) is not None]


def _best(columns: Sequence[Column], done: Sequence[Done]) -> dict[str, list[str]]:
    """By figure that arms are compared by: the best arm and those that tie with it."""
    found: dict[str, list[str]] = {}
    for column in columns:
        arms = {name: _values([d for d in done if d.cell.arm.name == name], column.key) for name in _names(done)}
        if column.best and arms and all(len(own) == len(next(iter(arms.values()))) > 0 for own in arms.values()):
            tied = ties(arms, highest=column.best is max)
            found[column.key] = [name for name in arms if name in tied]
    return found


def _names(done: Sequence[Done]) -> list[str]:
    return list(dict.fromkeys(own.cell.arm.name for own in done))


def markdown(study: Study, found: Figures) -> str:
    """The table with its question, the paper's claim, command, commit and machine."""
    head = ["arm", *(column.title for column in study.columns), "best, or tie with the best, in"]
    rows = [_row(study.columns, name, own, found["best"]) for name, own in found["arms"].items()]
    lines = [
        f"# bench {study.name}, {found['set']}",
        "",
        study.question,
        f"The paper: {study.claim}",
        "",
        *results.table(head, *rows),
        "",
        SEEDED.format(n=found["seeds"]) if found["seeds"] > 1 else ONE,
        *([SMALL.format(share=found["step"])] if found["step"] != 1 else []),
        *([study.note] if study.note else []),
        *([SHORT] if found["quick"] else []),
        f"{found['models']} Commit {found['commit']}.",
        "",
        results.origin_line(found),
    ]
    return "\n".join(lines) + "\n"


def _row(columns: Sequence[Column], name: str, own: Figures, best: dict[str, list[str]]) -> list[str]:
    won = [column.title for column in columns if name in best.get(column.key, ())]
    return [name, *(_shown(own["figures"].get(column.key), column.digits) for column in columns), ", ".join(won)]


def _shown(own: dict[str, Any] | None, digits: int) -> str:
    if own is None:
        return ""
    half = "" if own["half"] is None else f" ± {own['half']:.{digits}f}"
    return f"{own['mean']:.{digits}f}{half}"
