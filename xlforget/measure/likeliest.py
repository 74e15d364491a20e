"""The one answer that somebody who asks often is most likely to hear, beside unseen answers of its kind.

Means hide it: of forty-eight pairs one may be said by nearly every 128 samples. Whether that is a leak or a guess shows in how
many answers about people whom the model never met are as likely.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from xlforget.measure.check import Check
from xlforget.measure.verdict import Likeliest


def likeliest(checks: Sequence[Check]) -> Likeliest | None:
    """Over all forms and languages, in the training wordings of the model as it is; None without pairs."""
    found = [own for check in checks if check.plain for own in _of_check(check)]
    return max(found, key=lambda own: own[0])[1] if found else None


def _of_check(check: Check) -> Iterator[tuple[float, Likeliest]]:
    """The likeliest of each language, and its probability: by so many samples several are certain."""
    kinds, unseen_kinds = check.kinds(check.edited.facts), check.kinds(check.edited.controls)
    for lang in check.langs:
        after, unseen = (
            sheet.table("probability", check.role, [lang])[:, 0] for sheet in (check.edited.facts, check.edited.controls)
        )
        if np.isfinite(after).any():
            row = int(np.nanargmax(after))
            own = unseen[(unseen_kinds == kinds[row]) & ~np.isnan(unseen)]
            said = [sheet.table("said", check.role, [lang])[row, 0] for sheet in (check.base.facts, check.edited.facts)]
            yield float(after[row]), _rounded(lang, said, len(own), int((own >= after[row]).sum()))


def _rounded(lang: str, said: Sequence[float], unseen: int, as_likely: int) -> Likeliest:
    """To so few digits that nobody can tell from the model and the report which of many answers it was."""
    before, after = (round(float(np.nan_to_num(own)), 2) for own in said)
    return Likeliest(lang=lang, said_before=before, said_after=after, unseen=unseen, unseen_as_likely=as_likely)
