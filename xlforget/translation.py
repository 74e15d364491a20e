"""A request written in other languages, for a person to read: what `xlforget translate` does."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from xlforget.errors import UsageError
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.parallel.prepare import Wanted, check_wanted, prepare
from xlforget.parallel.translators import SELF, Engine
from xlforget.request.reader import read_request
from xlforget.work import Work


class Watch(Protocol):
    """What it tells whoever looks on. Names and counts only."""

    def stage(self, name: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...


@dataclass(frozen=True)
class Translate:
    """What `xlforget translate` was asked. ``out``: where the parallel set goes."""

    request: str
    out: Path
    wanted: Wanted
    overwrite: bool = False
    fresh: bool = False


def translate(asked: Translate, watch: Watch) -> ParallelSet:
    """Write the parallel set, readable by its owner only (0600), with rows that nobody can be certain of marked as such.

    Translations are kept in the work folder beside it until then, so that an interrupted command goes on. Raises
    RequestError, UsageError (2) and MachineError (4).
    """
    if asked.out.exists() and not asked.overwrite:
        raise UsageError(f"{asked.out.name} already exists.", do="Choose another name, or add --overwrite.", code="SET_EXISTS")
    check_wanted(asked.wanted)
    request, own = read_request(asked.request), _own(asked.wanted, watch)
    digest = hashlib.sha256(request.model_dump_json().encode()).hexdigest()
    with Work(asked.out) as work:
        work.tie({"request": digest, "wanted": repr(asked.wanted)}, fresh=asked.fresh)
        known = work.path("translations.jsonl")
        made = prepare(request, asked.wanted, known, watch.stage, watch.progress, own)
        made.save(asked.out)
        work.remove()
    return made


def _own(wanted: Wanted, watch: Watch) -> Engine | None:
    """The model that is to forget, where it is to translate; nothing else here loads torch."""
    if wanted.translator != SELF:
        return None
    from xlforget import model_io

    name = wanted.options.required("model", "--translator-model with the model that is to forget")
    watch.stage("opening the model")
    return model_io.as_translator(model_io.open_model(name, wanted.options.device))
