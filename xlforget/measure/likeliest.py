"""The one answer that somebody who asks often is most likely to hear, beside unseen answers of its kind.

Means hide it: of forty-eight pairs one may be said by nearly every 128 samples. Whether that is a leak or a guess shows in how
many answers about people whom the model never met are as likely, and in whether it says this very answer of such people.
"""

from collections.abc import Sequence

import numpy as np

from xlforget.measure.check import Check
from xlforget.measure.verdict import Likeliest


def likeliest(checks: Sequence[Check]) -> Likeliest | None:
    """Over all forms and languages, in the training wordings of the model as it is; None without pairs."""
    found = [own for check in checks if check.plain if (own := _of_check(check))]
    return max(found, key=lambda own: own[0])[1] if found else None


def _of_check(check: Check) -> tuple[float, Likeliest] | None:
    """The likeliest pair of a form, and its probability: by so many samples several are certain."""
    after, unseen = (own.table("probability", check.role, check.langs) for own in (check.edited.facts, check.edited.controls))
    if not np.isfinite(after).any():
        return None
    row, column = np.unravel_index(np.nanargmax(after), after.shape)
    kind = check.kinds(check.edited.facts)[row]
    own = unseen[check.kinds(check.edited.controls) == kind, column]
    # Rounded to so few digits that nobody can tell from the model and the report which of many answers it was.
    said_before, said_after = (
        round(float(np.nan_to_num(sheet.table("said", check.role, check.langs)[row, column])), 2)
        for sheet in (check.base.facts, check.edited.facts)
    )
    return float(after[row, column]), Likeliest(
        lang=check.langs[column],
        said_before=said_before,
        said_after=said_after,
        unseen=int((~np.isnan(own)).sum()),
        unseen_as_likely=int((own >= after[row, column]).sum()),
        of_anybody=_of_anybody(check, check.edited.facts.rows()[row], int(column), said_after),
    )


def _of_anybody(check: Check, row: str, column: int, said: float) -> bool | None:
    """Not how often: a figure that needs no name to be found again would tell which of few answers it was."""
    if check.about_others is None or row not in check.about_others.rows():
        return None
    others = check.about_others.only({row}).table("said", check.role, check.langs)[0, column]
    return None if np.isnan(others) else bool(2 * others >= said)
