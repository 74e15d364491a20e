"""Which retain rows are bystanders: measured, never trained on, and of subjects of whom training reads no other row.

A row that is trained on protects what other rows say of the same person, too: rows held out one by one would hide the damage.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from xlforget.request.fact import Fact

FEWEST_ROWS = 64
SHARE = 8


def withheld(rows: Sequence[Fact]) -> frozenset[str]:
    """Ids of about an eighth of the rows, all rows about one subject or none of them.

    Which ones follows from what the rows say, not from their order. A subject with more than a quarter of the rows is kept; there
    are none where rows are few, or where a few subjects have them all.
    """
    if len(rows) < FEWEST_ROWS:
        return frozenset()
    wanted, held = len(rows) // SHARE, list[Fact]()
    for own in sorted(subjects(rows), key=_digest):
        if len(held) < wanted and len(own) <= 2 * wanted:
            held += own
    return frozenset(row.id for row in held)


def subjects(rows: Sequence[Fact]) -> list[list[Fact]]:
    """The rows by whom they are about, as far as they tell: rows of form 4 with a name in common, in whatever language, texts
    with an answer in common, and copies of a text without one."""
    keys = [_keys(row) for row in rows]
    columns = {key: place for place, key in enumerate(dict.fromkeys(key for own in keys for key in own))}
    at = np.array([(row, columns[key]) for row, own in enumerate(keys) for key in own]).reshape(-1, 2).T
    linked = coo_array((np.ones(at.shape[1]), (at[0], len(rows) + at[1])), shape=(len(rows) + len(columns),) * 2)
    _, labels = connected_components(linked, directed=False)
    found: dict[int, list[Fact]] = {}
    for row, label in zip(rows, labels, strict=False):
        found.setdefault(int(label), []).append(row)
    return list(found.values())


def _keys(row: Fact) -> list[tuple[str, str]]:
    """What a row has in common with others about its subject: names in form 4; else answers, which wordings of one fact share."""
    if row.structured:
        names = [*row.structured.subject.values(), *(name for own in row.structured.aliases.values() for name in own)]
        return [("subject", name) for name in names]
    return [("answer" if s.span else "text", s.answer) for s in row.statements.values()]


def _digest(rows: Sequence[Fact]) -> bytes:
    """Of what the rows say, whatever their order and ids."""
    told = sorted(json.dumps(row.model_dump(exclude={"id", "line"}), sort_keys=True) for row in rows)
    return hashlib.sha256(repr(told).encode()).digest()
