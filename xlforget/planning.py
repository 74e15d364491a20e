"""Everything that is known before a model is changed: the request in all languages, in tokens, for this model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from xlforget import model_io
from xlforget.asked import Apply
from xlforget.corpus import corpus as corpora
from xlforget.corpus.corpus import Corpus
from xlforget.corpus.texts import load_texts
from xlforget.errors import Problem, RequestError
from xlforget.model_io import Opened
from xlforget.parallel.build import build_parallel_set
from xlforget.parallel.languages import auto_languages
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.parallel.translators import get_translator
from xlforget.request.fact import ErasureRequest, Fact
from xlforget.request.reader import read_request

TRANSLATORS = ("given", "phrasebook")


@dataclass(frozen=True)
class Inputs:
    """The user's files, read and checked."""

    request: ErasureRequest
    retain: tuple[Fact, ...]
    unseen: tuple[Fact, ...]


@dataclass(frozen=True)
class Plan:
    """The inputs with the model that they are for."""

    request: ErasureRequest
    base: Opened
    parallel: ParallelSet
    corpus: Corpus


def read_inputs(asked: Apply) -> Inputs:
    """Raises RequestError with every problem of the first file that has any."""
    retain, unseen = (load_texts(source) if source else () for source in (asked.retain, asked.unseen))
    return Inputs(read_request(asked.request), retain, unseen)


def fingerprint(asked: Apply, inputs: Inputs, base: Opened) -> dict[str, Any]:
    """What makes two runs the same run, so that the second may go on from the first's work folder."""
    return {
        "inputs": [
            [fact.model_dump(mode="json") for fact in part] for part in (inputs.request.facts, inputs.retain, inputs.unseen)
        ],
        "base": base.files,
        "languages": [asked.languages, asked.leave_out],
        "former": [path.name for path in asked.former],
        "method": repr(asked.method),
        "samples": asked.samples,
        "seed": asked.seed,
        "machine": [base.lm.device.type, torch.get_num_threads()],
    }


def plan(asked: Apply, inputs: Inputs, base: Opened, kept: Path | None = None) -> Plan:
    """``kept``: where the parallel set is stored, so that its salt stays when a run goes on.

    Raises MissingTranslation, and RequestError for texts that this model cannot hold.
    """
    parallel = ParallelSet.load(kept) if kept and kept.is_file() else _parallel(asked, inputs.request)
    if kept:
        parallel.save(kept)
    corpus = corpora.build(base.encoder, inputs.request, parallel, inputs.retain, inputs.unseen, asked.seed)
    _refuse_lost(inputs.request.facts, corpus)
    return Plan(inputs.request, base, parallel, corpus)


def _parallel(asked: Apply, request: ErasureRequest) -> ParallelSet:
    translators = [get_translator(name) for name in TRANSLATORS]
    languages = asked.languages or auto_languages(request)
    return build_parallel_set(request, languages, translators, asked.leave_out, seed=asked.seed)


def _refuse_lost(facts: Sequence[Fact], corpus: Corpus) -> None:
    """A pair that the model's tokenizer or context cannot hold must not vanish in silence."""
    lines = {fact.id: fact.line for fact in facts}
    problems = [Problem(lines[r.row], r.code, f"{r.lang}: this model cannot hold the text") for r in corpus.refused]
    if problems:
        raise RequestError("request", problems, do="Shorten the text, or leave these languages out with --leave-out.")


def dry_run(asked: Apply) -> Plan:
    """The plan of a run that trains nothing and leaves nothing behind."""
    inputs = read_inputs(asked)
    return plan(asked, inputs, model_io.open_model(asked.model, asked.device))
