"""Facts asked behind others, at the gate: what is told there fails, and nothing that was not asked passes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.measure.broken import Attacked
from xlforget.measure.check import Sheets
from xlforget.measure.checking import checks
from xlforget.measure.examine import Examination
from xlforget.measure.gate import gate
from xlforget.measure.held import hold
from xlforget.measure.judge import judge
from xlforget.measure.policy import BEHIND_OTHERS, parse
from xlforget.measure.scores import ProbeScores, Sheet
from xlforget.measure.verdict import Outcome, Test, Verdict

CHECK, LANGS = f"structured: {BEHIND_OTHERS}", ("en", "fr")
POLICY = parse(
    b'name = "own"\nalpha = 0.01\n[tests.memorization]\nrequired = ["structured"]\nmay-lack = ["margin"]\n'
    b'[tests.asked-behind-others]\nrequired = ["structured"]\nalways = true\n',
    "own",
)


def sheet(prefix: str, count: int, logp: float) -> Sheet:
    text = Encoded((0, 1), (1,))
    probes = [
        Probe(f"{prefix}{k}", lang, w, "train", text, relation="employer") for k in range(count) for lang in LANGS for w in (0, 1)
    ]
    drawn = np.random.default_rng(count).normal(logp, 0.5, len(probes))
    return Sheet(probes, [ProbeScores(1.0 if logp > -1 else 0.1, min(-0.001, float(v)), float("nan"), 0.0) for v in drawn])


def model(plain: float, behind: float) -> Examination:
    """Log-probabilities of the facts; unseen ones are at -9 in either place."""
    attacked: dict[str, Attacked] = {BEHIND_OTHERS: Attacked(Sheets(sheet("f", 12, behind), sheet("c", 80, -9.0)), {})}
    return Examination(sheet("f", 12, plain), sheet("c", 80, -9.0), (), (), (), attacked)


def verdict(base: Examination, edited: Examination) -> Verdict:
    groups = {p.row: "structured" for p in (*base.facts.probes, *base.controls.probes)}
    found = gate(checks(base, edited, groups, POLICY), [], POLICY, profile="standard", power=False)
    assert judge(found).problems == ()
    return found


def outcomes(found: Verdict) -> set[Outcome]:
    return {test.outcome for test in found.tests if test.check == CHECK}


def test_what_is_told_behind_others_alone_is_no_pass() -> None:
    forgotten, told = (verdict(model(-0.1, -1.0), model(-9.0, behind)) for behind in (-9.0, -2.0))
    assert (forgotten.passed, outcomes(forgotten)) == (True, {Outcome.PASS})
    assert not told.passed
    assert Outcome.FAIL in outcomes(told)


def test_a_model_that_told_nothing_there_before_has_nothing_to_forget_there() -> None:
    found = verdict(model(-0.1, -9.0), model(-9.0, -9.0))
    assert (found.passed, outcomes(found)) == (True, {Outcome.NOT_APPLICABLE})


@pytest.mark.parametrize(
    "asked",
    [
        lambda p: p.row != "f3",
        lambda p: (p.row, p.lang) != ("f3", "fr"),
        lambda p: (p.row, p.lang, p.wording) != ("f3", "fr", 1),
    ],
)
def test_where_one_text_of_a_fact_was_not_asked_so_the_check_is_not_run(asked: Callable[[Probe], bool]) -> None:
    def less(own: Examination) -> Examination:
        sheets = own.attacked[BEHIND_OTHERS].sheets
        kept = [k for k, probe in enumerate(sheets.facts.probes) if asked(probe)]
        part = Sheet([sheets.facts.probes[k] for k in kept], [sheets.facts.scores[k] for k in kept])
        return replace(own, attacked={BEHIND_OTHERS: Attacked(Sheets(part, sheets.controls), {})})

    found = verdict(less(model(-0.1, -1.0)), less(model(-9.0, -9.0)))
    assert (found.passed, outcomes(found)) == (False, {Outcome.NOT_RUN})


def without(found: Verdict, change: Callable[[Test], Test | None]) -> Verdict:
    tests = [test if test.check != CHECK else change(test) for test in found.tests]
    return found.model_copy(update={"tests": tuple(test for test in tests if test), "passed": True})


def test_a_failed_check_that_is_called_not_applicable_or_left_out_is_noticed() -> None:
    told = verdict(model(-0.1, -1.0), model(-9.0, -2.0))

    def excused(test: Test) -> Test:
        return test.model_copy(update={"units": 0, "outcome": Outcome.NOT_APPLICABLE, "reason": "nobody was asked"})

    for forged in (without(told, excused), without(told, lambda t: None if t.lang == "fr" else t), without(told, lambda t: None)):
        assert not hold(forged, POLICY).passed
