"""A person's decisions on rows that nobody could be certain of."""

from collections.abc import Sequence

from xlforget.parallel.checks import check
from xlforget.parallel.judging import reason
from xlforget.parallel.pair import Pair, Wording
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.request.clean import clean, locate


def waiting(parallel: ParallelSet) -> tuple[Pair, ...]:
    """The rows that need a decision, those that may be right before those that cannot be used as they are."""
    return tuple(sorted((pair for pair in parallel.pairs if pair.undecided), key=lambda pair: pair.status == "fail"))


def accept(pair: Pair) -> Pair:
    """The row as it is, on a person's word. ValueError where its answer has no place yet: it must be edited."""
    if not pair.wordings:
        raise ValueError("the answer has no place in it")
    return _decided(pair, status="ok", decision="accepted")


def drop(pair: Pair) -> Pair:
    """The row left out on a person's word; the report counts it."""
    return _decided(pair, status="fail", decision="dropped")


def edit(pair: Pair, text: str, answer: str | None, others: Sequence[str] = ()) -> Pair:
    """The row in a person's words, checked again so that a slip can be shown; the person's word stands all the same.

    ``answer`` None: the whole sentence. Raises Fault where the answer does not stand in the text exactly once.
    """
    if answer is None:
        wording = Wording(text=clean(text), role="all")
    else:
        found = locate(text, answer)
        wording = Wording(text=found.text, span=found.span, role="all")
    checks = check(pair.source, wording.text, answer, pair.lang, others=tuple(others)) if pair.source else ()
    return _decided(
        pair, status="ok", decision="edited", wordings=(wording,), unplaced="", votes={}, back="", checks=checks,
        reason=reason(checks),
    )  # fmt: skip


def _decided(pair: Pair, **changes: object) -> Pair:
    return Pair.model_validate({**dict(pair), **changes})
