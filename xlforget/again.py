"""A signed model measured again from its files, with the evidence bundle, and compared with the signed figures."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from xlforget import model_io, stayed
from xlforget.artifact.attestation import compare_digests
from xlforget.artifact.audit import Audit
from xlforget.artifact.findings import Finding
from xlforget.corpus.controls import group_of
from xlforget.corpus.corpus import ALTERNATIVES, Text, encode_controls
from xlforget.corpus.encode import Encoder
from xlforget.corpus.probes import FIRST, Probe, encode_pairs
from xlforget.errors import IntegrityError, UsageError
from xlforget.lm import Lm
from xlforget.measure import policy
from xlforget.measure.attacks import ATTACKS, Ground
from xlforget.measure.broken import Attacked
from xlforget.measure.check import Check, Sheets
from xlforget.measure.checking import checks
from xlforget.measure.examine import Examination, after_attacks, asked_after, from_rows, sheet
from xlforget.measure.gate import language_rows, test_checks
from xlforget.measure.judge import passes
from xlforget.measure.likeliest import likeliest
from xlforget.measure.policy import ASKED_OTHERWISE, Policy
from xlforget.measure.profiles import Profile, profile
from xlforget.measure.scores import Sheet
from xlforget.measure.verdict import LanguageRow, Likeliest, Test
from xlforget.parallel.parallel_set import Pair, ParallelSet
from xlforget.stayed import LOGP, MA, SAME

# A share that moves with the sum over an answer's tokens, of which there may be many.
SAID = 0.1
TIES = 2  # unseen answers that may change their place beside one of a fact
FIGURES = (
    *((f"{score}_{when}", MA) for score in ("ma", "es") for when in ("before", "after")),
    *((f"logp_{when}", LOGP) for when in ("before", "after", "unseen")),
    ("ma_unseen", MA),
    *((f"said_{when}", SAID) for when in ("before", "after", "unseen")),
)


def measure_again(
    folder: Path, audit: Audit, parts: Mapping[str, bytes], device: str = "auto", held_to: Policy | None = None
) -> list[Finding]:
    """One finding per language, those of the likeliest answer and of damage, and one for the verdict.

    ``held_to``: a policy that the user gave. Raises IntegrityError where the bundle is not the one that the audit speaks of.
    """
    opened = model_io.open_model(str(folder), device)
    if audit.output:
        compare_digests(audit.output.files, opened.files, "the weights that were measured")
    before, after, groups = _examined(opened.lm, opened.encoder, audit, parts)
    found, tests = _judged(before, after, groups, audit)
    damage, bounds = stayed.again(opened, before, after, audit, parts, held_to)
    rows = {row.lang: row for row in language_rows(found, tests)}
    passed = passes(tests, bounds, tuple(rows.values()))
    findings = [_compare(signed, rows.get(signed.lang)) for signed in audit.verdict.languages]
    findings += likeliest_as_signed(audit.verdict.likeliest, likeliest([check for check in found if check.required]))
    word = "passes" if passed else "does not pass"
    return [
        *findings,
        *damage,
        Finding("measured again/gate", passed == audit.verdict.passed, "AGAIN", f"the model {word} when measured again"),
    ]


def judged(lm: Lm, encoder: Encoder, audit: Audit, parts: Mapping[str, bytes]) -> tuple[list[Check], tuple[Test, ...]]:
    """The tests of ``audit`` on the model as it is now, with the base's scores as they were recorded then."""
    return _judged(*_examined(lm, encoder, audit, parts), audit)


def _examined(
    lm: Lm, encoder: Encoder, audit: Audit, parts: Mapping[str, bytes]
) -> tuple[Examination, Examination, Mapping[str, str]]:
    """The model before and the model as it is, and the form of each row."""
    parallel, controls, scores = _open(parts, audit)
    groups = {pair.fact: group_of(pair) for pair in (*parallel.usable(), *controls)}
    return *_examine(lm, encoder, parallel, controls, scores, profile(audit.verdict.profile)), groups


def _judged(
    before: Examination, after: Examination, groups: Mapping[str, str], audit: Audit
) -> tuple[list[Check], tuple[Test, ...]]:
    signed = audit.verdict
    tested, shipped = {test.check for test in signed.tests}, policy.default()
    # Under the shipped policy its own checks are made again, whichever of them the report chose to show.
    whole = signed.policy == shipped.judged_by
    found = [own for own in checks(before, after, groups, shipped) if (own.required if whole else own.name in tested)]
    if tested - {own.name for own in found}:
        raise IntegrityError("EVIDENCE", "the report shows tests that its profile does not make")
    return found, test_checks(found, signed.alpha, audit.method.seed)


def _open(parts: Mapping[str, bytes], audit: Audit) -> tuple[ParallelSet, tuple[Pair, ...], dict[str, list[list[float | None]]]]:
    try:
        parallel = ParallelSet.parse(parts["parallel.jsonl"], "parallel.jsonl")
        controls = tuple(Pair.model_validate_json(line) for line in parts["controls.jsonl"].splitlines())
        scores = json.loads(parts["scores.json"])
    except (KeyError, ValueError, RecursionError, UsageError):
        raise IntegrityError("EVIDENCE", "the evidence bundle lacks a part or holds a broken one") from None
    if parallel.digest() != audit.parallel_set.digest:
        raise IntegrityError("EVIDENCE_OTHER", "the evidence bundle belongs to another run than the audit")
    return parallel, controls, scores


def _examine(
    lm: Lm, encoder: Encoder, parallel: ParallelSet, controls: tuple[Pair, ...], scores: Mapping[str, Any], profile: Profile
) -> tuple[Examination, Examination]:
    """The base as it was recorded, and the model as it is."""
    facts, _ = encode_pairs(encoder, parallel.usable(), ALTERNATIVES, rivals=FIRST)
    splits = encode_controls(encoder, controls)
    ground = Ground.on(facts, splits["stop"], encoder.context)
    try:
        profile = _recorded_part(profile, scores)
        recorded = _recorded(facts, splits["gate"], ground, scores, profile)
        stays = (
            [Text("", lang, stayed.encoded(ids, at, lm, encoder)) for lang, ids, at in scores["stays"]] if profile.attacks else []
        )
    except (LookupError, AttributeError, ValueError, TypeError):
        raise IntegrityError("EVIDENCE", "the bundle's scores do not fit its pairs and this tokenizer") from None
    attacked = after_attacks(lm, ground, splits["gate"], profile, stays)
    return recorded, Examination(sheet(lm, facts), sheet(lm, splits["gate"]), (), (), (), attacked)


def _recorded_part(profile: Profile, scores: Mapping[str, Any]) -> Profile:
    """Less the ways of asking that are younger than the bundle. Where a report shows their tests they are missed there."""
    had = scores.get("attacked_before", {})
    return replace(profile, attacks=tuple(name for name in profile.attacks if name in had or name not in ASKED_OTHERWISE))


def _recorded(
    facts: Sequence[Probe], controls: Sequence[Probe], ground: Ground, scores: Mapping[str, Any], profile: Profile
) -> Examination:
    after_each: dict[str, Attacked] = {}
    for name in profile.attacks:
        asked, unseen = asked_after(ATTACKS[name], ground, controls)
        both = from_rows([*asked, *unseen], scores["attacked_before"][name]).scores
        sheets = Sheets(Sheet(asked, both[: len(asked)]), Sheet(unseen, both[len(asked) :]))
        costs = {part: {lang: float(own) for lang, own in langs.items()} for part, langs in scores["costs_before"][name].items()}
        after_each[name] = Attacked(sheets, costs)
    plain = [from_rows(own, scores[name]) for own, name in ((facts, "facts_before"), (controls, "controls_before"))]
    return Examination(plain[0], plain[1], (), (), (), after_each)


def _compare(signed: LanguageRow, now: LanguageRow | None) -> Finding:
    name = f"measured again/{signed.lang}"
    if now is None:
        return Finding(name, False, "AGAIN", "the bundle holds no pair in this language")
    off = list(_differences(signed, now))
    return Finding(name, not off, "AGAIN", "; ".join(off) or SAME)


def likeliest_as_signed(signed: Likeliest | None, now: Likeliest | None) -> list[Finding]:
    """Which answer comes first may turn on the last digit, where several are as likely; how likely the first one is does not."""
    if signed is None:
        return []
    name = "measured again/likeliest answer"
    if now is None:
        return [Finding(name, False, "AGAIN", "the bundle holds no pair")]
    same = signed.lang != now.lang or (
        signed.unseen == now.unseen
        and abs(signed.unseen_as_likely - now.unseen_as_likely) <= TIES
        and abs(signed.said_before - now.said_before) <= SAID
        and (signed.of_anybody is None) == (now.of_anybody is None)
    )
    words = [
        f"{own.lang} {own.said_after:.2f} (before {own.said_before:.2f}), {own.unseen_as_likely} of {own.unseen} as likely"
        for own in (signed, now)
    ]
    message = f"signed {words[0]}; measured {words[1]}"
    return [Finding(name, same and abs(signed.said_after - now.said_after) <= SAID, "AGAIN", message)]


def _differences(signed: LanguageRow, now: LanguageRow) -> Iterator[str]:
    for figure, tolerance in FIGURES:
        was, found = getattr(signed, figure), getattr(now, figure)
        if was is not None and abs(was - found) > tolerance:
            yield f"{figure}: signed {was:.4f}, measured {found:.4f}"
