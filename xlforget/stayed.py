"""Text that must stay, in the evidence bundle: written by a run, and measured again beside the damage that was signed.

It lies there in tokens, with what the model before scored on it; what the changed model scores is measured.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from xlforget.artifact.findings import Finding
from xlforget.corpus.corpus import Corpus, Text
from xlforget.corpus.encode import Encoded
from xlforget.errors import IntegrityError
from xlforget.lm import Lm
from xlforget.measure import policy
from xlforget.measure.examine import Examination, bounds, bystander_texts
from xlforget.measure.held import DAMAGE
from xlforget.measure.kept import Kept, kept
from xlforget.measure.policy import Policy
from xlforget.measure.verdict import Bound, Verdict

TEXTS, FIGURES = "stays.jsonl", "stayed.json"
PARTS = ("retain", "bystanders", "unseen")
LARGEST = 1 << 26  # bytes of texts: a bundle may hold twice as many
# Another machine's arithmetic: MA as it is, perplexity by its logarithm.
MA, LOG = 0.005, 0.02

NAME = "measured again/damage"
NO_TEXTS = "the bundle holds no text that must stay: damage is as it was signed"
NO_POLICY = "damage is as it was signed: give the policy that judged it with --policy to measure it again"
SAME = "the figures are those that were signed"


def pack(corpus: Corpus, made: Sequence[Encoded], before: Examination) -> dict[str, bytes]:
    """The parts of a bundle that hold the text and what the model before scored; none where it is more than `LARGEST`.

    ``made``: the samples that were held out.
    """
    texts = {"retain": corpus.retain, "bystanders": bystander_texts(corpus, made), "unseen": corpus.unseen}
    rows = [[part, one.lang, one.text.ids, one.text.answer] for part in PARTS for one in texts[part]]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    figures = {part: [asdict(own) for own in getattr(before, part)] for part in PARTS}
    return {TEXTS: lines, FIGURES: json.dumps(figures).encode()} if len(lines) <= LARGEST else {}


def again(
    lm: Lm, before: Examination, after: Examination, verdict: Verdict, parts: Mapping[str, bytes], held_to: Policy | None
) -> tuple[list[Finding], list[Bound]]:
    """Whether the damage is what was signed, and the bounds that decide now: as signed, where it cannot be measured.

    ``held_to``: the user's policy, if one is at hand. Raises IntegrityError EVIDENCE for parts that are broken.
    """
    signed = list(verdict.bounds)
    judged_by = next((own for own in (policy.default(), held_to) if own and own.judged_by == verdict.policy), None)
    if not any(bound.check == DAMAGE for bound in signed):
        return [], signed
    if TEXTS not in parts or judged_by is None:
        return [Finding(NAME, True, "AGAIN", NO_POLICY if judged_by is None else NO_TEXTS)], signed
    was, texts = _opened(parts)
    now = {part: kept(lm, own) for part, own in texts.items()}
    found = bounds(_with(before, was), _with(after, now), judged_by)
    off = list(_differences([bound for bound in signed if bound.check == DAMAGE], found))
    return [Finding(NAME, not off, "AGAIN", "; ".join(off) or SAME)], [*(b for b in signed if b.check != DAMAGE), *found]


def _with(examination: Examination, texts: Mapping[str, tuple[Kept, ...]]) -> Examination:
    return replace(examination, retain=texts["retain"], bystanders=texts["bystanders"], unseen=texts["unseen"])


def _opened(parts: Mapping[str, bytes]) -> tuple[dict[str, tuple[Kept, ...]], dict[str, list[Text]]]:
    """By part: what the model before scored, and the texts."""
    try:
        figures: dict[str, Any] = json.loads(parts[FIGURES])
        was = {part: tuple(Kept(**own) for own in figures[part]) for part in PARTS}
        texts: dict[str, list[Text]] = {part: [] for part in PARTS}
        for part, lang, ids, answer in map(json.loads, parts[TEXTS].splitlines()):
            texts[part].append(Text("", lang, Encoded(tuple(ids), tuple(answer))))
    except (KeyError, ValueError, TypeError, RecursionError):
        raise IntegrityError("EVIDENCE", "the bundle's text that must stay is broken") from None
    if any(_counted(texts[part]) != {own.lang: own.texts for own in was[part]} for part in PARTS):
        raise IntegrityError("EVIDENCE", "the bundle's text that must stay is not what its figures are of")
    return was, texts


def _counted(texts: Sequence[Text]) -> dict[str, int]:
    langs = [one.lang for one in texts]
    return {lang: langs.count(lang) for lang in dict.fromkeys(langs)}


def _differences(signed: Sequence[Bound], found: Sequence[Bound]) -> Iterator[str]:
    """In words, with both figures."""
    by_name = {(bound.name, bound.lang): bound for bound in found}
    if sorted(map(str, by_name)) != sorted(str((bound.name, bound.lang)) for bound in signed):
        yield "other figures of damage were signed than the policy asks for"
    for was in signed:
        now = by_name.get((was.name, was.lang), was)
        for figure, one, other in (("before", was.before, now.before), ("after", was.after, now.after)):
            if not _close(was.name, one, other):
                yield f"{was.name}{f' in {was.lang}' if was.lang else ''}, {figure}: signed {one:.4f}, measured {other:.4f}"
        if (was.texts, was.required) != (now.texts, now.required):
            yield f"{was.name}{f' in {was.lang}' if was.lang else ''}: signed as of {was.texts} texts, there are {now.texts}"


def _close(name: str, one: float, other: float) -> bool:
    if "perplexity" in name and one > 0 and other > 0:
        return abs(math.log(one / other)) <= LOG
    return abs(one - other) <= MA
