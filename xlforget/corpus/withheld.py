"""Which retain rows are bystanders: measured, never trained on, and about nobody whom training reads about.

A row that is trained on protects what other rows say of the same person, too: rows held out one by one would hide the damage.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from xlforget.request.fact import Fact

FEWEST_ROWS = 64
SHARE = 8


def withheld(rows: Sequence[Fact]) -> frozenset[str]:
    """Ids of about an eighth of the rows, all rows about one subject or none of them; of none where there are few rows.

    Which ones follows from what the rows say, not from their order. A subject with more than a quarter of the rows is kept.
    """
    if len(rows) < FEWEST_ROWS:
        return frozenset()
    wanted, held = len(rows) // SHARE, list[Fact]()
    for own in sorted(subjects(rows), key=_digest):
        if len(held) < wanted and len(own) <= 2 * wanted:
            held += own
    return frozenset(row.id for row in held)


def subjects(rows: Sequence[Fact]) -> list[list[Fact]]:
    """The rows by whom they are about, as far as they tell: rows of form 4 with a name in common, texts with an answer in
    common, and a text without an answer alone."""
    keys = [_named(row) or {("row", str(place))} for place, row in enumerate(rows)]
    columns = {key: place for place, key in enumerate(dict.fromkeys(key for own in keys for key in sorted(own)))}
    at = np.array([(row, columns[key]) for row, own in enumerate(keys) for key in own]).T
    linked = coo_array((np.ones(at.shape[1]), (at[0], len(rows) + at[1])), shape=(len(rows) + len(columns),) * 2)
    _, labels = connected_components(linked, directed=False)
    found: dict[int, list[Fact]] = {}
    for row, label in zip(rows, labels, strict=False):
        found.setdefault(int(label), []).append(row)
    return list(found.values())


def _named(row: Fact) -> set[tuple[str, str]]:
    """Names of the subject of a row of form 4; of another row its answers, which wordings of one fact share."""
    if row.structured:
        return {("subject", name) for name in row.structured.subject.values()}
    return {(lang, s.answer) for lang, s in row.statements.items() if s.span}


def _digest(rows: Sequence[Fact]) -> bytes:
    """Of what the rows say, whatever their order and ids."""
    told = sorted(
        repr([sorted((lang, s.text) for lang, s in row.statements.items()), row.structured and row.structured.model_dump_json()])
        for row in rows
    )
    return hashlib.sha256(repr(told).encode()).digest()
