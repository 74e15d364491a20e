"""Several requests as one, to be forgotten in one run: which fact belongs to which stays known.

What two requests state in the same words is one fact: it is trained and measured once, and stands in both reports. Counted
twice it would pass for two witnesses where there is one.
"""

from collections.abc import Sequence
from typing import Any

from xlforget.errors import Problem, RequestError
from xlforget.request.fact import ErasureRequest, Fact


def join(named: Sequence[tuple[str, ErasureRequest]]) -> ErasureRequest:
    """One request of several, each with the name of its file. Raises RequestError where an id stands in two of them."""
    _refuse_clashes(named)
    first: dict[str, Fact] = {}
    records: list[dict[str, Any]] = []
    for _, request in named:
        for fact, record in zip(request.facts, request.records, strict=True):
            if first.setdefault(_said(fact), fact) is fact:
                records.append(record)
    return ErasureRequest(
        facts=tuple(first.values()),
        records=tuple(records),
        tickets=tuple(_in_common_words(request, first) for _, request in named),
    )


def _in_common_words(request: ErasureRequest, first: dict[str, Fact]) -> ErasureRequest:
    """The request with the facts that an earlier one states as that one's; its own records stay."""
    return request.model_copy(update={"facts": tuple(first[_said(fact)] for fact in request.facts)})


def _said(fact: Fact) -> str:
    """What a record states, without its id, line and candidates."""
    return fact.model_dump_json(include={"statements", "structured"})


def _refuse_clashes(named: Sequence[tuple[str, ErasureRequest]]) -> None:
    owner: dict[str, tuple[str, int]] = {}
    for name, request in named:
        taken = [(fact, owner[fact.id]) for fact in request.facts if fact.id in owner]
        if taken:
            problems = [Problem(f.line, "DUPLICATE_ID", f"`id` is that of line {line} of {other}") for f, (other, line) in taken]
            raise RequestError(name, problems, do="Give every record of the run an id of its own, and each file once.")
        owner |= {fact.id: (name, fact.line) for fact in request.facts}
