"""Unlearning from end to end: retain text is made, levels are drawn, the engine runs, and a stopped run goes on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xlforget.corpus.corpus import Corpus
from xlforget.lm import Lm
from xlforget.unlearn import checkpoint, levels, teaching
from xlforget.unlearn.engine import Engine, Round, read_by
from xlforget.unlearn.made import Made
from xlforget.unlearn.memory import PLAIN, Memory
from xlforget.unlearn.methods import Method
from xlforget.unlearn.task import Task
from xlforget.unlearn.teacher import LIVE, Live
from xlforget.unlearn.teaching import Source
from xlforget.unlearn.told import Told, told_behind, told_of, told_of_others

LEFT_OUT = "too little disk for checkpoints: had this run been cut off, it would have begun again"


@dataclass(frozen=True)
class Unlearned:
    """What was done: cycles, steps, and how often each pair was visited at least and at most, in all and by language.

    ``alpha``: how much of what was learned was subtracted, where the method does that. ``against_text``: whether it went on
    against facts that other text brought back.
    """

    cycles: int
    steps: int
    visits: tuple[int, int]
    warnings: tuple[str, ...] = ()
    by_lang: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    alpha: float | None = None
    against_text: bool = False


def unlearn(
    lm: Lm,
    corpus: Corpus,
    made: Made,
    method: Method,
    seed: int,
    work: Path,
    done: Callable[[Lm], bool],
    on_round: Callable[[Round], None],
    source: Source,
    memory: Memory = PLAIN,
    comes_back: Callable[[Lm], bool] = lambda lm: False,
) -> Unlearned:
    """Change ``lm`` in place until ``done`` or the method's limit; checkpoints and the teacher's states lie in ``work``.

    ``comes_back``: whether fine-tuning on other text brings the facts back; then it goes on against that (`Engine.run`).
    """
    task = task_of(lm, corpus, made, method, seed)
    keeper = checkpoint.Keeper(lm, memory, work)
    engine = Engine(lm, task, method, teaching.teacher(read_by(lm, method), task, work, source), memory)
    checkpoint.restore(engine, work)
    engine.run(done, on_round, keeper, comes_back)
    engine.trained.finish()
    reached, visits = engine.progress, engine.progress.visits
    by_lang: dict[str, list[int]] = {}
    for pair, count in zip(task.pairs, visits, strict=True):
        by_lang.setdefault(pair.lang, []).append(count)
    langs = {lang: (min(own), max(own)) for lang, own in by_lang.items()}
    least, most = min(visits), max(visits)
    warnings = _warnings(engine, keeper)
    return Unlearned(reached.cycle, reached.steps, (least, most), warnings, langs, reached.alpha, reached.against_text)


def _warnings(engine: Engine, keeper: checkpoint.Keeper) -> tuple[str, ...]:
    missed = engine.progress.visits.count(0)
    never = f"{missed} of the pairs were never trained on: the run had too few steps for them (--rounds)"
    told = {LIVE: isinstance(engine.teacher, Live), never: missed, LEFT_OUT: keeper.left_out}
    return tuple(warning for warning, so in told.items() if so)


def task_of(lm: Lm, corpus: Corpus, made: Made, method: Method, seed: int) -> Task:
    """What is trained, with the levels that it is led to."""
    pairs = [probe for probe in corpus.facts if probe.serves("train")]
    unseen = [probe for probe in corpus.controls["aim"] if probe.serves("train")]
    drawn = levels.draw(pairs, unseen, lm, seed)
    told, turns = told_by(corpus, made, method)
    neighbours = {text.ids for text in corpus.neighbours}
    return Task(
        pairs,
        drawn.own,
        [probe for probe in corpus.controls["stop"] if probe.serves("train")],
        [rival for pair in pairs for rival in pair.rivals],
        [level for own in drawn.rivals for level in own],
        _places([len(pair.rivals) for pair in pairs]),
        [t.text for t in corpus.retain],
        made.train,
        seed,
        told,
        turns,
        method.asks_answers,
        [len(corpus.retain) + k for k, text in enumerate(made.train) if text.ids in neighbours],
    )


def told_by(corpus: Corpus, made: Made, method: Method) -> tuple[tuple[Told, ...], Mapping[int, Sequence[int]]]:
    """Other texts that tell the facts, and by index of a pair which of them take turns with its own (`told`)."""
    pairs, unseen = ([probe for probe in own if probe.serves("train")] for own in (corpus.facts, corpus.controls["aim"]))
    others = told_of_others(pairs, unseen) if method.told else ()
    behind = told_behind(pairs, unseen, corpus.context) if method.told else ()
    return (*others, *behind, *made.told), told_of(pairs, others, behind, made.told)


def _places(counts: Sequence[int]) -> dict[int, range]:
    """Where each pair's rivals stand when all are put in one row."""
    ends = [sum(counts[: k + 1]) for k in range(len(counts))]
    return {k: range(end - count, end) for k, (end, count) in enumerate(zip(ends, counts, strict=True)) if count}
