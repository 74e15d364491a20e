"""Damage measured again from a bundle: what was signed must be what the texts give, and what cannot be checked is said."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.artifact.conftest import make_audit
from xlforget import stayed
from xlforget.artifact.audit import Audit
from xlforget.artifact.findings import Finding
from xlforget.corpus.corpus import Corpus, Text, per_language
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.errors import IntegrityError
from xlforget.lm import Lm
from xlforget.measure import policy
from xlforget.measure.examine import Examination, bounds, bystanders
from xlforget.measure.kept import kept
from xlforget.measure.policy import Policy
from xlforget.measure.scores import Sheet
from xlforget.measure.verdict import Bound, JudgedBy, Outcome
from xlforget.model_io import Opened

OWN = policy.parse(
    b'name = "own"\nalpha = 0.01\n[damage.bystanders-ma]\nmean = { at-least = 0.5, required = "where given", least-texts = 4 }\n',
    "own.toml",
)
NO_FACTS = Sheet((), ())


@dataclass(frozen=True)
class Bed:
    """A run's text that stays, the model after it, and what both models score."""

    corpus: Corpus
    made: Sequence[Encoded]
    after: Opened
    before: Examination
    now: Examination

    def parts(self) -> dict[str, bytes]:
        return stayed.pack(self.corpus, self.made, self.before)

    def signed(self, by: Policy) -> list[Bound]:
        return bounds(self.before, self.now, by)

    def again(
        self, signed: Sequence[Bound], by: Policy, parts: Mapping[str, bytes] | None = None, held_to: Policy | None = None
    ) -> tuple[list[Finding], list[Bound]]:
        bare = Examination(NO_FACTS, NO_FACTS, (), (), ())
        audit = self.audit(signed, by.judged_by)
        return stayed.again(self.after, bare, bare, audit, self.parts() if parts is None else parts, held_to)

    def audit(self, signed: Sequence[Bound], policy: JudgedBy | None) -> Audit:
        """A report of this run."""
        files = {"model.safetensors": "ab" * 32}
        audit = make_audit(files, files)
        verdict = audit.verdict.model_copy(update={"bounds": tuple(signed), "policy": policy})
        retain = {
            "given": per_language(self.corpus.retain), "given, held out": per_language(self.corpus.bystanders),
            "made, held out": {"samples": len(self.made)},
        }  # fmt: skip
        data = audit.data.model_copy(update={"retain": retain, "unseen": {"perplexity": per_language(self.corpus.unseen)}})
        return audit.model_copy(update={"verdict": verdict, "data": data})


def examined(lm: Lm, corpus: Corpus, made: Sequence[Encoded]) -> Examination:
    return Examination(NO_FACTS, NO_FACTS, kept(lm, corpus.retain), bystanders(lm, corpus, made), kept(lm, corpus.unseen))


@pytest.fixture(scope="module")
def bed(new_lm: Callable[[int], Lm], encoder: Encoder, sentences: tuple[str, ...]) -> Bed:
    texts = [encoder.encode(text, (6, 14)) for text in sentences[:16]]
    rows = [Text(f"r{k}", ("en", "hi")[k % 2], text) for k, text in enumerate(texts)]
    corpus = Corpus(
        langs=("en", "hi"), facts=(), controls={}, control_pairs=(), groups={}, retain=tuple(rows[:6]),
        bystanders=tuple(rows[6:10]), unseen=tuple(rows[10:12]), neighbours=(), neutral=(), refused=(), context=64,
    )  # fmt: skip
    made, before, after = texts[12:], new_lm(3), new_lm(4)
    opened = Opened(Path("nowhere"), "model", {}, after, encoder)
    return Bed(corpus, made, opened, examined(before, corpus, made), examined(after, corpus, made))


def test_what_was_signed_is_what_its_texts_give(bed: Bed) -> None:
    signed = bed.signed(policy.default())
    assert {bound.name for bound in signed} == {"retain MA", "bystanders MA", "unseen perplexity"}
    (finding,), found = bed.again(signed, policy.default())
    assert (finding.ok, finding.message) == (True, stayed.SAME)
    assert found == signed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"after": 0.99}, "after: signed 0.9900, measured "),
        ({"before": 0.9}, "before: signed 0.9000, measured "),
        ({"texts": 400}, "signed as of 400 texts, there are "),
        ({"required": True}, "signed as of "),
    ],
)
def test_a_figure_that_was_signed_otherwise_is_found_and_the_measured_one_decides(
    bed: Bed, changed: dict[str, Any], said: str
) -> None:
    true = bed.signed(policy.default())
    place = next(k for k, own in enumerate(true) if own.name == "bystanders MA" and own.lang is None)
    lied = [own.model_copy(update=changed) if k == place else own for k, own in enumerate(true)]
    (finding,), found = bed.again(lied, policy.default())
    assert not finding.ok
    assert f"bystanders MA{', ' if 'signed 0' in said else ': '}{said}" in finding.message
    assert found == true


def test_a_figure_that_was_left_out_is_found(bed: Bed) -> None:
    true = bed.signed(policy.default())
    (finding,), found = bed.again([own for own in true if own.name != "bystanders MA"], policy.default())
    assert "other figures of damage were signed than the policy asks for" in finding.message
    assert found == true


def test_what_is_no_damage_stays_as_it_was_signed(bed: Bed) -> None:
    other = Bound(check="tickets", name="one", lang=None, before=1, after=1, ratio=1, bound=1, direction="at least",
                  required=True, outcome=Outcome.PASS)  # fmt: skip
    true = bed.signed(policy.default())
    assert bed.again([*true, other], policy.default())[1] == [other, *true]


def test_a_report_that_leaves_all_damage_out_is_measured_all_the_same(bed: Bed) -> None:
    (finding,), found = bed.again([], policy.default())
    assert (finding.ok, found) == (False, bed.signed(policy.default()))


def test_a_policy_that_bounds_nothing_has_no_damage_to_measure(bed: Bed) -> None:
    none = policy.parse(b'name = "none"\nalpha = 0.01\n', "none.toml")
    assert bed.again([], none, held_to=none) == ([], [])


def test_a_report_without_a_policy_is_older_than_they_are(bed: Bed) -> None:
    bare = Examination(NO_FACTS, NO_FACTS, (), (), ())
    (finding,), _ = stayed.again(bed.after, bare, bare, bed.audit(bed.signed(OWN), None), bed.parts(), None)
    assert (finding.ok, finding.message) == (True, stayed.UNNAMED)


def test_the_policy_that_judged_is_needed_and_no_other_will_do(bed: Bed) -> None:
    signed = bed.signed(OWN)
    assert [bound.required for bound in signed] == [True]
    for held_to, said in ((None, stayed.NO_POLICY), (policy.parse(b'name = "own"\nalpha = 0.02\n', "o"), stayed.NO_POLICY)):
        (finding,), found = bed.again(signed, OWN, held_to=held_to)
        assert (finding.ok, finding.message, found) == (True, said, signed)
    (finding,), found = bed.again(signed, OWN, held_to=OWN)
    assert (finding.message, found) == (stayed.SAME, signed)


def test_a_bundle_without_texts_shows_nothing_and_is_no_pass(bed: Bed) -> None:
    signed = bed.signed(policy.default())
    (finding,), found = bed.again(signed, policy.default(), parts={})
    assert (finding.ok, finding.message, found) == (False, stayed.NO_TEXTS, signed)


def test_more_text_than_a_bundle_holds_is_left_out(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stayed, "LARGEST", len(bed.parts()[stayed.TEXTS]))
    assert set(bed.parts()) == {stayed.TEXTS, stayed.FIGURES}
    monkeypatch.setattr(stayed, "LARGEST", len(bed.parts()[stayed.TEXTS]) - 1)
    assert bed.parts() == {}


def rewritten(parts: Mapping[str, bytes], *, drop: str = "", figures: Any = None, **first: Any) -> dict[str, bytes]:
    """The bundle without a part's texts, with other figures, or with something else in its first text."""
    rows = [json.loads(line) for line in parts[stayed.TEXTS].splitlines()]
    told = json.loads(parts[stayed.FIGURES]) | ({drop: []} if drop else {}) | (figures or {})
    rows = [row for row in rows if row[0] != drop]
    names = ("part", "lang", "ids", "answer")
    rows[0] = [first.get(name, own) for name, own in zip(names, rows[0], strict=True)]
    return {stayed.TEXTS: "".join(f"{json.dumps(row)}\n" for row in rows).encode(), stayed.FIGURES: json.dumps(told).encode()}


@pytest.mark.parametrize("part", stayed.PARTS)
def test_fewer_texts_than_the_report_says_are_no_evidence(bed: Bed, part: str) -> None:
    with pytest.raises(IntegrityError, match="not as much as the report says"):
        bed.again(bed.signed(policy.default()), policy.default(), parts=rewritten(bed.parts(), drop=part))


@pytest.mark.parametrize(
    "first",
    [
        {"ids": [1, 2, 10**9]}, {"ids": [1, -1, 3, 4]}, {"ids": ["1", "2"]}, {"ids": [1.0] * 20}, {"ids": []},
        {"ids": [1] * 10**4},
        {"answer": []}, {"answer": [0]}, {"answer": [3, 2]}, {"answer": [2, 2]}, {"answer": [10**6]}, {"answer": [True]},
        {"part": "other"}, {"lang": {}}, {"lang": ["en"]}, {"ids": None},
    ],
)  # fmt: skip
def test_tokens_that_are_none_of_this_model_are_no_evidence(bed: Bed, first: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="is broken"):
        bed.again(bed.signed(policy.default()), policy.default(), parts=rewritten(bed.parts(), **first))


def test_figures_that_are_none_or_of_other_texts_are_no_evidence(bed: Bed) -> None:
    true = json.loads(bed.parts()[stayed.FIGURES])["retain"]
    one, other = true
    for changed in (
        [one], [one, other, other], [{"lang": "en"}], [one | {"ma": float("nan")}, other], [one | {"ma": None}, other],
        [one | {"texts": 7}, other], "x", None,
    ):  # fmt: skip
        with pytest.raises(IntegrityError, match="is broken"):
            bed.again([], policy.default(), parts=rewritten(bed.parts(), figures={"retain": changed}))
    signed = bed.signed(policy.default())
    (finding,), found = bed.again(signed, policy.default(), parts=rewritten(bed.parts(), figures={"retain": true[::-1]}))
    assert (finding.ok, found) == (True, signed)


def test_one_token_told_apart_by_another_machine_is_no_other_figure_where_tokens_are_few(bed: Bed) -> None:
    true = bed.signed(policy.default())
    place = next(k for k, own in enumerate(true) if own.name == "bystanders MA" and own.lang == "en")
    tokens = [len(one.text.answer) for one in bed.corpus.bystanders if one.lang == "en"]
    for changed, ok in ((1.9 / sum(tokens), True), (2.1 / sum(tokens), False)):
        lied = [own.model_copy(update={"after": own.after + changed}) if k == place else own for k, own in enumerate(true)]
        assert bed.again(lied, policy.default())[0][0].ok is ok
