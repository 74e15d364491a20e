"""Languages that a run does not touch: whether the facts are known there, where the phrasebook can put them into words."""

from collections.abc import Sequence

import numpy as np

from xlforget.corpus.controls import from_phrasebook, split_of, worded
from xlforget.corpus.corpus import CONTROL_ROWS
from xlforget.corpus.encode import Encoder
from xlforget.corpus.probes import encode_pairs
from xlforget.lm import Lm
from xlforget.measure.check import KNOWN, Check, Sheets
from xlforget.measure.examine import sheet
from xlforget.measure.gate import test_checks
from xlforget.measure.scores import Sheet
from xlforget.measure.verdict import Outcome
from xlforget.parallel.parallel_set import Pair
from xlforget.parallel.translators import get_translator
from xlforget.planning import Plan
from xlforget.request import phrasebook

ROLES = ("train", "all")
SAID = "Known in languages that were not asked for: {}. Add them to --languages, or what was asked to be forgotten stays there."


def warnings(lm: Lm, plan: Plan, seed: int) -> tuple[str, ...]:
    """One, with the languages in which a test of MA like the gate's tells the facts from unseen people, or in which a single fact
    is known as none of these is; none where there are no such.

    They read the training wordings alone. Facts of other forms than 4 have no words in other languages.
    """
    asked = {lang.partition("-")[0] for lang in plan.corpus.langs}
    langs = [lang for lang in phrasebook.languages() if lang not in asked]
    check = _check(lm, plan, langs, seed)
    if check is None:
        return ()
    tests = test_checks([check], plan.policy.alpha, seed)
    found = {test.lang for test in tests if test.score == "ma" and test.outcome is Outcome.FAIL}
    known = [said for lang in check.langs if (said := _told(check, lang, told_apart=lang in found))]
    return (SAID.format(", ".join(known)),) if known else ()


def _check(lm: Lm, plan: Plan, langs: Sequence[str], seed: int) -> Check | None:
    """Of one model alone, which stands in for the model before: a test that finds the facts fails. None: nothing can be asked."""
    book, encoder, facts = get_translator("phrasebook"), plan.base.encoder, plan.request.facts
    pairs = [pair for fact in facts if fact.structured for pair in worded(fact.id, fact.structured, langs, book, seed)]
    if not pairs:
        return None
    spoken = tuple(dict.fromkeys(pair.lang for pair in pairs))
    others = [pair for pair in from_phrasebook(facts, spoken, book, CONTROL_ROWS, seed) if split_of(pair.fact) == "gate"]
    scores = Sheets(_sheet(lm, encoder, pairs), _sheet(lm, encoder, others))
    return Check("structured: other languages", "train", spoken, scores, scores)


def _sheet(lm: Lm, encoder: Encoder, pairs: Sequence[Pair]) -> Sheet:
    """What the model cannot hold is left out."""
    return sheet(lm, encode_pairs(encoder, pairs, 0, ROLES)[0])


def _told(check: Check, lang: str, *, told_apart: bool) -> str:
    """What is known in a language; nothing where neither the facts nor one of them stand out."""
    facts, unseen = (part.table("ma", check.role, [lang]) for part in (check.edited.facts, check.edited.controls))
    if told_apart:
        return f"{lang} (MA {np.nanmean(facts):.2f}, unseen text {np.nanmean(unseen):.2f})"
    best, most = (float(np.nanmax(own, initial=0.0)) for own in (facts, unseen))
    return f"{lang} (a fact MA {best:.2f}, unseen text {most:.2f} at most)" if best >= KNOWN and best > most else ""
