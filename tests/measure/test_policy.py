"""The policy file: what it may say, what is wrong with it by line or key, and that it alone decides what must hold."""

import hashlib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from random import Random

import pytest

from xlforget.artifact.findings import of_verdict
from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.errors import RequestError, UsageError
from xlforget.measure.broken import Attacked
from xlforget.measure.check import Sheets
from xlforget.measure.checking import checks
from xlforget.measure.examine import Examination, bounds
from xlforget.measure.gate import gate
from xlforget.measure.held import hold
from xlforget.measure.judge import judge
from xlforget.measure.kept import Kept
from xlforget.measure.policy import Policy, default, parse, read
from xlforget.measure.scores import ProbeScores, Sheet
from xlforget.measure.verdict import Outcome, Verdict

SHIPPED = resources.files("xlforget.measure").joinpath("policy.toml").read_text("utf-8")
HEAD = 'name = "own"\nalpha = 0.01\n'
TEXT, LANGS = Encoded((0, 1), (1,)), ("en", "fr")


def own(text: str) -> Policy:
    return parse(text.encode(), "own.toml")


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(RequestError) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), "own.toml")
    assert caught.value.exit_code == 2
    return [str(problem) for problem in caught.value.problems]


def sheet(name: str, count: int, ma: float, roles: tuple[str, ...]) -> Sheet:
    probes = [Probe(f"{name}{k}", lang, 0, role, TEXT) for k in range(count) for lang in LANGS for role in roles]
    draw = Random(f"{name}{ma}")
    scores = [(draw.gauss(ma, 0.03), draw.gauss(9 * ma, 0.4), draw.gauss(9 * ma, 0.6)) for _ in probes]
    return Sheet(probes, [ProbeScores(own, logp - 12, margin, 0.0) for own, logp, margin in scores])


def model(ma: float, kept: float | None = 0.9, bystanders: float | None = 0.9, roles: tuple[str, ...] = ("all",)) -> Examination:
    retain, others = ([Kept(lang, 9, level, 30.0) for lang in LANGS] if level else [] for level in (kept, bystanders))
    unseen = tuple(Kept(lang, 9, 0.1, 30.0) for lang in LANGS)
    return Examination(sheet("f", 12, ma, roles), sheet("c", 90, 0.1, roles), tuple(retain), tuple(others), unseen)


def verdict(policy: Policy, base: Examination, edited: Examination) -> Verdict:
    groups = {p.row: "answer" for p in (*base.facts.probes, *base.controls.probes)}
    judged = checks(base, edited, groups, policy)
    found = gate(judged, bounds(base, edited, policy), policy, profile="quick", power=False)
    assert judge(found).problems == ()
    assert judge(found).passed == found.passed
    return found


BASE, GOLD = model(0.9), model(0.1)


def test_the_shipped_policy_says_what_the_gate_always_asked() -> None:
    policy = default()
    assert policy.sha256 == hashlib.sha256(SHIPPED.encode()).hexdigest()
    assert (policy.alpha, policy.tested("memorization").may_lack) == (0.01, ("margin",))
    assert policy.tested("memorization").required == ("structured", "answer", "sentence")
    assert policy.tested("held-out wordings").required == ()
    assert [tuple(limit) for limit in policy.limits()] == [
        ("retain MA", "mean", 0.98, "at least", "where given", 1),
        ("retain MA", "language", 0.98, "at least", "never", 1),
        ("bystanders MA", "mean", 0.80, "at least", "where given", 32),
        ("bystanders MA", "language", 0.95, "at least", "never", 1),
        ("unseen perplexity", "language", 1.05, "at most", "never", 1),
    ]


def test_it_judges_by_it_and_names_it() -> None:
    found = verdict(default(), BASE, model(0.1, kept=0.89, bystanders=0.5))
    assert found.passed
    assert found.policy == default().judged_by
    assert [warning for warning in found.warnings if warning.startswith("bystanders MA:")] == [
        "bystanders MA: of before 0.556; the aim is at least 0.8.",
        "bystanders MA: of before 0.556 in en, 0.556 in fr; the aim is at least 0.95.",
    ]
    assert not verdict(default(), BASE, model(0.1, kept=0.8)).passed
    assert verdict(default(), model(0.9, kept=None), model(0.1, kept=None)).passed, "damage is gated where text was given"


@pytest.mark.parametrize(("texts", "left", "passes"), [(15, 0.5, True), (16, 0.75, True), (16, 0.7, False)])
def test_bystanders_decide_where_there_are_enough_of_them(texts: int, left: float, passes: bool) -> None:
    base, edited = (counted(own, texts) for own in (BASE, model(0.1, bystanders=left)))
    found = verdict(default(), base, edited)
    assert found.passed == passes
    assert hold(found, default()) == found
    assert {b.texts for b in found.bounds if b.name == "bystanders MA"} == {texts, 2 * texts}


def test_too_few_bystanders_are_not_run_where_they_are_always_required() -> None:
    shipped = 'at-least = 0.80, required = "where given"'
    always = own(SHIPPED.replace(shipped, 'at-least = 0.80, required = "always"'))
    enough, few = (verdict(always, counted(BASE, n), counted(model(0.1, bystanders=0.9), n)) for n in (16, 15))
    assert (enough.passed, few.passed) == (True, False)
    assert Outcome.NOT_RUN in {bound.outcome for bound in few.bounds if bound.required}
    assert not hold(verdict(default(), counted(BASE, 15), counted(GOLD, 15)), always).passed
    assert hold(verdict(default(), counted(BASE, 16), counted(GOLD, 16)), always).passed


@pytest.mark.parametrize(("few", "many", "passes"), [(1.0, 0.2, False), (0.3, 1.0, True)])
def test_a_few_texts_in_many_languages_decide_nothing_beside_many_others(few: float, many: float, passes: bool) -> None:
    def with_bystanders(own: Examination, few: float, many: float) -> Examination:
        texts = (*(Kept(lang, 1, few, 30.0) for lang in ("en", "fr", "de", "es", "hi", "ar")), Kept("made", 512, many, 30.0))
        return replace(own, bystanders=texts)

    assert verdict(default(), with_bystanders(BASE, 1.0, 1.0), with_bystanders(GOLD, few, many)).passed == passes


@pytest.mark.parametrize(("rows", "made", "passes"), [(0.9, 0.9, True), (0.7, 1.0, False), (1.0, 0.7, False)])
def test_many_samples_do_not_speak_for_the_users_rows_nor_these_for_them(rows: float, made: float, passes: bool) -> None:
    def with_bystanders(own: Examination, rows: float, made: float) -> Examination:
        texts = (*(Kept(lang, 16, rows, 30.0) for lang in LANGS), Kept("made", 500, made, 30.0))
        return replace(own, bystanders=texts)

    found = verdict(default(), with_bystanders(BASE, 1.0, 1.0), with_bystanders(GOLD, rows, made))
    assert found.passed == passes
    (bound,) = (b for b in found.bounds if b.name == "bystanders MA" and b.lang is None)
    assert bound.ratio == pytest.approx(min(rows, made))


def test_a_report_that_leaves_the_count_of_texts_out_is_held_to_the_bound() -> None:
    signed = verdict(default(), counted(BASE, 15), counted(model(0.1, bystanders=0.2), 15))
    assert signed.passed, "too few to decide"
    silent = signed.model_copy(update={"bounds": tuple(b.model_copy(update={"texts": None}) for b in signed.bounds)})
    assert hold(signed, default()).passed
    assert not hold(silent, default()).passed


def test_what_was_held_to_a_policy_is_not_changed_by_it_again() -> None:
    always = own(SHIPPED.replace('at-least = 0.80, required = "where given"', 'at-least = 0.80, required = "always"'))
    for texts in (15, 16):
        once = hold(verdict(default(), counted(BASE, texts), counted(GOLD, texts)), always)
        assert hold(once, always) == once


def counted(own: Examination, texts: int) -> Examination:
    """With so many bystanders in each language."""
    return replace(own, bystanders=tuple(replace(kept, texts=texts) for kept in own.bystanders))


def test_a_bound_that_the_users_policy_requires_fails_in_its_worst_language() -> None:
    rules = HEAD + '[tests.memorization]\nrequired = ["answer"]\n[damage.bystanders-ma]\n'
    strict = own(rules + 'each-language = { at-least = 0.9, required = "always" }\n')
    assert verdict(strict, BASE, model(0.1, bystanders=0.85)).passed
    assert not verdict(strict, BASE, model(0.1, bystanders=0.8)).passed


def test_a_demand_for_always_is_not_run_without_text_and_never_a_pass() -> None:
    rules = HEAD + '[tests.memorization]\nrequired = ["answer"]\n[damage.bystanders-ma]\n'
    for scope, count in (("mean", 1), ("each-language", 2)):
        policy = own(rules + f'{scope} = {{ at-least = 0.9, required = "always" }}\n')
        found = verdict(policy, model(0.9, bystanders=None), model(0.1, bystanders=None))
        assert not found.passed
        assert [bound.outcome for bound in found.bounds] == [Outcome.NOT_RUN] * count


def test_a_check_that_is_required_of_a_form_decides_there_and_is_not_run_where_it_cannot_be_made() -> None:
    held_out = own(HEAD + '[tests.memorization]\nrequired = ["answer"]\n[tests.held-out-wordings]\nrequired = ["answer"]\n')
    elsewhere = own(HEAD + '[tests.memorization]\nrequired = ["answer"]\n[tests.held-out-wordings]\nrequired = ["structured"]\n')
    assert verdict(elsewhere, model(0.9, roles=("train",)), model(0.1, roles=("train",))).passed
    missing = verdict(held_out, model(0.9, roles=("train",)), model(0.1, roles=("train",)))
    assert not missing.passed
    assert {t.outcome for t in missing.tests if "held-out" in t.check} == {Outcome.NOT_RUN}
    assert verdict(held_out, model(0.9, roles=("train", "gate")), model(0.1, roles=("train", "gate"))).passed


def test_a_policy_may_decide_by_other_checks_than_the_requests_own_wordings() -> None:
    held_out = own(HEAD + '[tests.held-out-wordings]\nrequired = ["answer"]\nmay-lack = ["margin"]\n')
    base, edited = (model(ma, roles=("train", "gate")) for ma in (0.9, 0.1))
    assert verdict(held_out, base, edited).passed


def test_a_required_attack_that_the_profile_makes_and_that_had_no_facts_is_not_run() -> None:
    policy = own(SHIPPED.replace("the other half is asked for\nrequired = []", 'other half\nrequired = ["answer"]'))
    empty = {"after other facts": Attacked(Sheets(Sheet((), ()), BASE.controls), {})}
    found = verdict(policy, replace(BASE, attacked=empty), replace(GOLD, attacked=empty))
    assert not found.passed
    assert {test.outcome for test in found.tests if test.check == "answer: after other facts"} >= {Outcome.NOT_RUN}
    assert verdict(policy, BASE, GOLD).passed


def test_a_score_that_may_not_be_lacking_is_not_run() -> None:
    def without(ma: float) -> Examination:
        return Examination(_no_margin(model(ma).facts), _no_margin(model(ma).controls), (), (), ())

    strict = own(HEAD + '[tests.memorization]\nrequired = ["answer"]\n')
    assert verdict(default(), without(0.9), without(0.1)).passed
    assert not verdict(strict, without(0.9), without(0.1)).passed
    assert not hold(verdict(default(), without(0.9), without(0.1)), strict).passed


def _no_margin(own: Sheet) -> Sheet:
    return Sheet(own.probes, [ProbeScores(s.ma, s.logp, float("nan"), s.es) for s in own.scores])


@pytest.mark.parametrize(
    "rest", ["", "[tests]\n", "[tests.memorization]\nrequired = []\n", '[tests.memorization]\nrequired = ["structured"]\n']
)
def test_a_policy_that_requires_no_test_of_these_facts_fails(rest: str) -> None:
    assert not verdict(own(HEAD + rest), BASE, GOLD).passed
    assert not hold(verdict(default(), BASE, GOLD), own(HEAD + rest)).passed


def test_signed_figures_are_held_to_another_policy() -> None:
    signed = verdict(default(), BASE, model(0.1, kept=0.89, bystanders=0.8))
    same = hold(signed, default())
    assert same == signed
    strict = own(SHIPPED.replace('at-least = 0.95, required = "never"', 'at-least = 0.95, required = "always"'))
    found = hold(signed, strict)
    assert (signed.passed, found.passed) == (True, False)
    assert [b.outcome for b in found.bounds if b.required] == [Outcome.PASS, *[Outcome.FAIL] * 2]
    held_out = hold(signed, own(SHIPPED.replace("required = []", 'required = ["answer"]')))
    assert not held_out.passed
    assert [t.outcome for t in held_out.tests if "held-out" in t.check] == [Outcome.NOT_RUN]


def test_a_form_that_the_signed_policy_left_out_is_not_run_by_another() -> None:
    signed = verdict(default(), BASE, GOLD)
    assert hold(signed, default(), ("answer",)).passed
    found = hold(signed, default(), ("answer", "structured"))
    assert not found.passed
    assert {t.outcome for t in found.tests if t.check.startswith("structured")} == {Outcome.NOT_RUN}


@pytest.mark.parametrize(("profile", "lacking"), [("quick", set()), ("standard", {"in 4 bits", "after other text"})])
def test_attacks_that_a_profile_has_and_the_report_does_not_show_are_not_run(profile: str, lacking: set[str]) -> None:
    signed = verdict(default(), BASE, GOLD).model_copy(update={"profile": profile})
    held = hold(signed, default())
    assert held.passed == (not lacking)
    assert {t.check for t in held.tests if t.outcome is Outcome.NOT_RUN} == {f"answer: {kind}" for kind in lacking}
    told = {found.check for found in of_verdict(signed, judge(signed)) if not found.ok}
    assert told == ({"judged by", *(f"answer: {kind}" for kind in lacking)} if lacking else set())
    by_another = signed.model_copy(update={"policy": own(HEAD).judged_by})
    assert all(found.ok for found in of_verdict(by_another, judge(by_another))), "its file would say what it requires"


@pytest.mark.parametrize("dropped", [("answer: memorization", "pair", None), ("answer: memorization", "language", "fr")])
def test_a_single_test_that_is_left_out_is_not_run(dropped: tuple[str, str, str | None]) -> None:
    signed = verdict(default(), BASE, GOLD)
    kept = tuple(test for test in signed.tests if (test.check, test.level, test.lang) != dropped)
    less = signed.model_copy(update={"tests": kept})
    assert judge(less).problems == ()
    assert not hold(less, default()).passed
    assert {found.check for found in of_verdict(less, judge(less)) if not found.ok} == {"judged by", dropped[0]}


def test_a_form_that_the_request_has_and_the_tests_skip_is_not_run() -> None:
    signed = verdict(default(), BASE, GOLD)
    assert all(found.ok for found in of_verdict(signed, judge(signed), ("answer",)))
    told = {found.check for found in of_verdict(signed, judge(signed), ("answer", "structured")) if not found.ok}
    assert told == {"judged by", "structured: memorization"}


def test_where_nothing_was_memorised_no_attack_is_asked_for() -> None:
    always = own(SHIPPED.replace("[tests.in-4-bits]", "[tests.in-4-bits]\nalways = true"))
    found = verdict(always, GOLD, GOLD)
    assert (found.passed, found.nothing_memorised) == (True, True)
    assert not verdict(always, BASE, GOLD).passed
    assert hold(found.model_copy(update={"profile": "standard"}), always).passed


def test_a_verdict_that_names_the_shipped_policy_must_keep_to_it() -> None:
    signed = verdict(default(), BASE, model(0.1, kept=0.7))
    lax = [bound.model_copy(update={"required": False}) for bound in signed.bounds]
    lifted = signed.model_copy(update={"bounds": tuple(lax), "passed": True})
    own_words = {found.check: found for found in of_verdict(lifted, judge(lifted))}
    assert own_words["figures"].ok, "the figures agree with what is signed; the policy is another"
    assert not own_words["judged by"].ok
    assert {found.check: found for found in of_verdict(signed, judge(signed))}["judged by"].ok


def test_an_error_level_that_the_tests_cannot_reach_is_no_signal_and_no_pass() -> None:
    never = own(HEAD.replace("0.01", "0.0000001") + '[tests.memorization]\nrequired = ["answer"]\n')
    for edited in (BASE, GOLD):
        found = hold(verdict(default(), BASE, edited), never)
        assert not found.passed
        assert Outcome.NO_SIGNAL in {test.outcome for test in found.tests}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["name is missing [POLICY_KEY]", "alpha is missing [POLICY_KEY]"]),
        (HEAD + "[tests\n", ["line 3: not TOML [POLICY_TOML]"]),
        (HEAD.encode() + b'x = "\xff"', ["line 3: not UTF-8 [POLICY_TOML]"]),
        (HEAD + "[tests.quantised]\nrequired = []\n", ["known here: memorization, held-out-wordings"]),
        (HEAD + "beta = 1\n", ["beta is no key of a policy; known here: name, alpha, tests, damage"]),
        (HEAD + '[tests.memorization]\nrequired = ["form 4"]\n', ["tests.memorization.required.0 must be 'structured'"]),
        (HEAD + "[damage.retain-ma]\nmean = 0.98\n", ["damage.retain-ma.mean: "]),
        (
            HEAD + '[damage.retain-ma]\nmean = { at-most = 0.9, required = "never" }\n',
            ["at-least is missing", "at-most is no key"],
        ),
        (HEAD + '[damage.retain-ma]\nmean = { at-least = "0.9", required = "never" }\n', ["damage.retain-ma.mean.at-least: "]),
        (
            HEAD + '[damage.retain-ma]\nmean = { at-least = 9.5, required = "never" }\n',
            ["at-least: Input should be less than or"],
        ),
        (HEAD + "[damage.retain-ma]\nmean = { at-least = inf, required = true }\n", ["required", "at-least"]),
        (HEAD.replace("0.01", "0.5"), ["alpha: "]),
        (HEAD.replace("0.01", "1979-05-27"), ["alpha: "]),
        (HEAD.replace('"own"', '"../own"'), ["name: "]),
    ],
)
def test_everything_that_is_wrong_is_named_by_line_or_key(text: str | bytes, said: list[str]) -> None:
    found = problems(text)
    assert len(found) == len(said)
    for problem, part in zip(found, said, strict=True):
        assert part in problem


def test_a_file_that_is_not_there_is_exit_2(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "none.toml")
    assert (caught.value.code, caught.value.exit_code) == ("NO_POLICY", 2)
    assert read(None) is default()
