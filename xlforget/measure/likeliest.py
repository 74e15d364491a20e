"""The one answer that somebody who asks often is most likely to hear, beside unseen answers of its kind.

Means hide it: of forty-eight pairs one may be said by nearly every 128 samples. Whether that is a leak or a guess shows in how
many answers about people whom the model never met are as likely.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from xlforget.measure.check import Check
from xlforget.measure.scores import Sheet
from xlforget.measure.verdict import Likeliest


def likeliest(checks: Sequence[Check]) -> Likeliest | None:
    """Over all forms and languages, in the training wordings of the model as it is; None without pairs."""
    found = [own for check in checks if check.plain for own in _of_check(check)]
    return max(found, key=lambda own: own.said_after, default=None)


def _of_check(check: Check) -> Iterator[Likeliest]:
    """The likeliest of each language."""
    kinds, unseen_kinds = check.kinds(check.edited.facts), check.kinds(check.edited.controls)
    for lang in check.langs:
        before, after, unseen = (
            _said(sheet, check, lang) for sheet in (check.base.facts, check.edited.facts, check.edited.controls)
        )
        if not np.isnan(after).all():
            row = int(np.nanargmax(after))
            own = unseen[(unseen_kinds == kinds[row]) & ~np.isnan(unseen)]
            as_likely = int((own >= after[row]).sum())
            yield Likeliest(
                lang=lang, said_before=before[row], said_after=after[row], unseen=len(own), unseen_as_likely=as_likely
            )


def _said(sheet: Sheet, check: Check, lang: str) -> np.ndarray:
    return sheet.table("said", check.role, [lang])[:, 0]
