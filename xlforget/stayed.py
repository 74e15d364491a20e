"""Text that must stay, in the evidence bundle: written by a run, and measured again beside the damage that was signed.

It lies there in tokens, with what the model before scored on it; what the changed model scores is measured.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from xlforget.artifact.audit import Audit
from xlforget.artifact.findings import Finding
from xlforget.corpus.corpus import Corpus, Text, per_language
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.errors import IntegrityError
from xlforget.lm import Lm
from xlforget.measure import policy
from xlforget.measure.examine import Examination, bounds, bystander_texts
from xlforget.measure.held import DAMAGE
from xlforget.measure.kept import Kept, kept
from xlforget.measure.policy import Policy
from xlforget.measure.verdict import MADE, Bound, Verdict
from xlforget.model_io import Opened

TEXTS, FIGURES = "stays.jsonl", "stayed.json"
PARTS = ("retain", "bystanders", "unseen")
LARGEST = 1 << 26  # bytes of texts: a bundle may hold twice as many
# Another machine's arithmetic, in nats per token and in MA; the same machine's lies four orders of magnitude closer.
LOGP, MA = 0.02, 0.005
TOKENS = 2  # of all, that may be told apart where these are few

NAME = "measured again/damage"
NO_TEXTS = "the bundle holds no text that must stay: damage was not measured again"
NO_POLICY = "damage is as it was signed: give the policy that judged it with --policy to measure it again"
UNNAMED = "damage is as it was signed: the report names no policy"
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
    opened: Opened, before: Examination, after: Examination, audit: Audit, parts: Mapping[str, bytes], held_to: Policy | None
) -> tuple[list[Finding], list[Bound]]:
    """Whether the damage is what was signed, and the bounds that decide now.

    ``held_to``: the user's policy, if one is at hand. Raises IntegrityError EVIDENCE for parts that are broken, and for text that
    is not as much as the report says.
    """
    signed = list(audit.verdict.bounds)
    judged_by = _judged_by(audit.verdict, held_to)
    if judged_by is None:
        return [Finding(NAME, True, "AGAIN", NO_POLICY if audit.verdict.policy else UNNAMED)], signed
    if not judged_by.limits():
        return [], signed
    if TEXTS not in parts:
        return [Finding(NAME, False, "AGAIN", NO_TEXTS)], signed
    bundle = _Bundle.read(parts, opened)
    if bundle.counts() != _counts(audit):
        raise IntegrityError("EVIDENCE", "the bundle's text that must stay is not as much as the report says")
    found = bounds(_with(before, bundle.before), _with(after, bundle.measured(opened.lm)), judged_by)
    off = list(_differences([bound for bound in signed if bound.check == DAMAGE], found, bundle))
    return [Finding(NAME, not off, "AGAIN", "; ".join(off) or SAME)], [*(b for b in signed if b.check != DAMAGE), *found]


def _judged_by(verdict: Verdict, held_to: Policy | None) -> Policy | None:
    """The policy of the verdict, where it is at hand."""
    return next((own for own in (policy.default(), held_to) if own and own.judged_by == verdict.policy), None)


def _counts(audit: Audit) -> dict[str, dict[str, int]]:
    """How much text of each part and language the report says there was."""
    retain = audit.data.retain
    made = sum(retain.get("made, held out", {}).values())
    bystanders = {**retain.get("given, held out", {}), **({MADE: made} if made else {})}
    return {"retain": retain.get("given", {}), "bystanders": bystanders, "unseen": audit.data.unseen.get("perplexity", {})}


def _with(examination: Examination, texts: Mapping[str, tuple[Kept, ...]]) -> Examination:
    return replace(examination, retain=texts["retain"], bystanders=texts["bystanders"], unseen=texts["unseen"])


class _Bundle(NamedTuple):
    """By part: the texts, and what the model before scored on them, in the order of their languages."""

    texts: Mapping[str, Sequence[Text]]
    before: Mapping[str, tuple[Kept, ...]]

    @classmethod
    def read(cls, parts: Mapping[str, bytes], model: Opened) -> "_Bundle":
        try:
            texts: dict[str, list[Text]] = {part: [] for part in PARTS}
            for part, lang, ids, answer in map(json.loads, parts[TEXTS].splitlines()):
                texts[part].append(Text("", lang, encoded(ids, answer, model.lm, model.encoder)))
            figures: dict[str, Any] = json.loads(parts[FIGURES])
            return cls(texts, {part: _figures(figures[part], per_language(texts[part])) for part in PARTS})
        except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
            raise IntegrityError("EVIDENCE", "the bundle's text that must stay is broken") from None

    def counts(self) -> dict[str, dict[str, int]]:
        return {part: per_language(own) for part, own in self.texts.items()}

    def measured(self, lm: Lm) -> dict[str, tuple[Kept, ...]]:
        return {part: kept(lm, own) for part, own in self.texts.items()}

    def tolerance(self, bound: Bound) -> float:
        """How far MA may lie off."""
        part = bound.name.removesuffix(" MA")
        lengths = [len(one.text.answer) for one in self.texts[part] if bound.lang in (None, one.lang)]
        return max(MA, TOKENS * len(lengths) / (sum(lengths) * (bound.texts or len(lengths)))) if lengths else MA


def encoded(ids: Sequence[int], answer: Sequence[int], lm: Lm, encoder: Encoder) -> Encoded:
    """Raises ValueError or TypeError for what no text is in this model's tokens."""
    entries = lm.model.get_input_embeddings().num_embeddings
    if not all(type(one) is int for one in (*ids, *answer)) or not answer:
        raise TypeError("a token or a place is no number")
    if len(ids) > encoder.context or min(ids) < 0 or max(ids) >= entries:
        raise ValueError("tokens that the model has not, or more than it reads")
    if sorted({*answer}) != list(answer) or answer[0] < 1 or answer[-1] >= len(ids):
        raise ValueError("an answer outside of its text")
    return Encoded(tuple(ids), tuple(answer))


def _figures(rows: Sequence[Mapping[str, Any]], counted: Mapping[str, int]) -> tuple[Kept, ...]:
    """Raises ValueError, KeyError or TypeError for figures of other texts than these."""
    found = {row["lang"]: Kept(**row) for row in rows}
    if len(found) != len(rows) or {lang: own.texts for lang, own in found.items()} != counted:
        raise ValueError("figures of other texts")
    if not all(math.isfinite(figure) for own in found.values() for figure in (own.ma, own.perplexity)):
        raise ValueError("a figure is no number")
    return tuple(found[lang] for lang in counted)


def _differences(signed: Sequence[Bound], found: Sequence[Bound], bundle: _Bundle) -> Iterator[str]:
    """In words, with both figures."""
    by_name = {(bound.name, bound.lang): bound for bound in found}
    if Counter(list(by_name)) != Counter((bound.name, bound.lang) for bound in signed):
        yield "other figures of damage were signed than the policy asks for"
    for was in signed:
        now, name = by_name.get((was.name, was.lang), was), f"{was.name}{f' in {was.lang}' if was.lang else ''}"
        for figure, one, other in (("before", was.before, now.before), ("after", was.after, now.after)):
            if not _close(was, one, other, bundle):
                yield f"{name}, {figure}: signed {one:.4f}, measured {other:.4f}"
        if (was.texts, was.required) != (now.texts, now.required):
            yield f"{name}: signed as of {was.texts} texts, there are {now.texts}"


def _close(bound: Bound, one: float, other: float, bundle: _Bundle) -> bool:
    if bound.name == "unseen perplexity":
        return one > 0 < other and abs(math.log(one / other)) <= LOGP
    return abs(one - other) <= bundle.tolerance(bound)
