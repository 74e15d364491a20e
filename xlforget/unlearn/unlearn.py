"""Unlearning from end to end: retain text is made, levels are drawn, the engine runs, and a stopped run goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xlforget.corpus.corpus import Corpus
from xlforget.lm import Lm
from xlforget.unlearn import checkpoint, levels, teaching
from xlforget.unlearn.engine import Engine, Round
from xlforget.unlearn.made import Made
from xlforget.unlearn.methods import Method
from xlforget.unlearn.task import Task
from xlforget.unlearn.teacher import LIVE, Live
from xlforget.unlearn.teaching import Source


@dataclass(frozen=True)
class Unlearned:
    """What was done: cycles, optimizer steps, and how often each pair was visited at least and at most."""

    cycles: int
    steps: int
    visits: tuple[int, int]
    warnings: tuple[str, ...] = ()


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
) -> Unlearned:
    """Change ``lm`` in place until ``done`` or the method's limit; checkpoints and the teacher's states lie in ``work``."""
    pairs = [probe for probe in corpus.facts if probe.serves("train")]
    unseen = [probe for probe in corpus.controls["aim"] if probe.serves("train")]
    drawn = levels.draw(pairs, unseen, lm, seed)
    task = Task(
        pairs,
        drawn.own,
        [probe for probe in corpus.controls["stop"] if probe.serves("train")],
        [rival for pair in pairs for rival in pair.rivals],
        [level for own in drawn.rivals for level in own],
        _places([len(pair.rivals) for pair in pairs]),
        [t.text for t in corpus.retain],
        made.train,
        seed,
    )
    engine = Engine(lm, task, method, teaching.teacher(lm, task, work, source))
    checkpoint.restore(engine, work)
    engine.run(done, on_round, lambda own: checkpoint.save(own, work))
    visits: Sequence[int] = engine.progress.visits
    return Unlearned(engine.progress.cycle, engine.progress.steps, (min(visits), max(visits)), _warnings(engine))


def _warnings(engine: Engine) -> tuple[str, ...]:
    return (LIVE,) if isinstance(engine.teacher, Live) else ()


def _places(counts: Sequence[int]) -> dict[int, range]:
    """Where each pair's rivals stand when all are put in one row."""
    ends = [sum(counts[: k + 1]) for k in range(len(counts))]
    return {k: range(end - count, end) for k, (end, count) in enumerate(zip(ends, counts, strict=True)) if count}
