"""Damage measured again from a bundle: what was signed must be what the texts give, and what cannot be checked is said."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from xlforget import stayed
from xlforget.artifact.findings import Finding
from xlforget.corpus.corpus import Corpus, Text
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.errors import IntegrityError
from xlforget.lm import Lm
from xlforget.measure import policy
from xlforget.measure.examine import Examination, bounds, bystanders
from xlforget.measure.kept import kept
from xlforget.measure.policy import Policy
from xlforget.measure.scores import Sheet
from xlforget.measure.verdict import Bound, Outcome, Verdict

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
    after: Lm
    before: Examination
    now: Examination

    def parts(self) -> dict[str, bytes]:
        return stayed.pack(self.corpus, self.made, self.before)

    def signed(self, by: Policy) -> list[Bound]:
        return bounds(self.before, self.now, by)

    def again(
        self, signed: Sequence[Bound], by: Policy, parts: Mapping[str, bytes] | None = None, held_to: Policy | None = None
    ) -> tuple[list[Finding], list[Bound]]:
        verdict = Verdict(
            passed=True, alpha=0.01, profile="quick", tests=(), bounds=tuple(signed), languages=(), smallest_leak=None,
            nothing_memorised=False, policy=by.judged_by,
        )  # fmt: skip
        bare = Examination(NO_FACTS, NO_FACTS, (), (), ())
        return stayed.again(self.after, bare, bare, verdict, self.parts() if parts is None else parts, held_to)


def examined(lm: Lm, corpus: Corpus, made: Sequence[Encoded]) -> Examination:
    return Examination(NO_FACTS, NO_FACTS, kept(lm, corpus.retain), bystanders(lm, corpus, made), kept(lm, corpus.unseen))


@pytest.fixture(scope="module")
def bed(new_lm: Callable[[int], Lm], encoder: Encoder, sentences: tuple[str, ...]) -> Bed:
    texts = [encoder.encode(text, (6, 14)) for text in sentences[:16]]
    rows = [Text(f"r{k}", ("en", "hi")[k % 2], text) for k, text in enumerate(texts)]
    corpus = Corpus(
        langs=("en", "hi"), facts=(), controls={}, control_pairs=(), groups={}, retain=tuple(rows[:6]),
        bystanders=tuple(rows[6:10]), unseen=tuple(rows[10:12]), neighbours=(), neutral=(), refused=(),
    )  # fmt: skip
    made, before, after = texts[12:], new_lm(3), new_lm(4)
    return Bed(corpus, made, after, examined(before, corpus, made), examined(after, corpus, made))


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
        ({"before": 0.2}, "before: signed 0.2000, measured "),
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
    assert bed.again([other], policy.default()) == ([], [other])


def test_the_policy_that_judged_is_needed_and_no_other_will_do(bed: Bed) -> None:
    signed = bed.signed(OWN)
    assert [bound.required for bound in signed] == [True]
    for held_to, said in ((None, stayed.NO_POLICY), (policy.parse(b'name = "own"\nalpha = 0.02\n', "o"), stayed.NO_POLICY)):
        (finding,), found = bed.again(signed, OWN, held_to=held_to)
        assert (finding.ok, finding.message, found) == (True, said, signed)
    (finding,), found = bed.again(signed, OWN, held_to=OWN)
    assert (finding.message, found) == (stayed.SAME, signed)


def test_an_older_bundle_says_that_it_holds_no_texts(bed: Bed) -> None:
    signed = bed.signed(policy.default())
    (finding,), found = bed.again(signed, policy.default(), parts={})
    assert (finding.ok, finding.message, found) == (True, stayed.NO_TEXTS, signed)


def test_more_text_than_a_bundle_holds_is_left_out(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stayed, "LARGEST", len(bed.parts()[stayed.TEXTS]))
    assert set(bed.parts()) == {stayed.TEXTS, stayed.FIGURES}
    monkeypatch.setattr(stayed, "LARGEST", len(bed.parts()[stayed.TEXTS]) - 1)
    assert bed.parts() == {}


def test_texts_that_were_cut_or_broken_are_no_evidence(bed: Bed) -> None:
    signed, parts = bed.signed(policy.default()), bed.parts()
    fewer = b"".join(parts[stayed.TEXTS].splitlines(keepends=True)[1:])
    figures = json.dumps(json.loads(parts[stayed.FIGURES]) | {"retain": [{"lang": "en"}]}).encode()
    for changed in ({stayed.TEXTS: fewer}, {stayed.TEXTS: b"[1]\n"}, {stayed.TEXTS: b"{"}, {stayed.FIGURES: figures}):
        with pytest.raises(IntegrityError):
            bed.again(signed, policy.default(), parts=parts | changed)
