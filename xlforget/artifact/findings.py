"""What ``verify`` found, one line a check, for tables, JSON and JUnit."""

from dataclasses import asdict, dataclass
from typing import Any

from xlforget.errors import XlforgetError
from xlforget.measure.judge import Judgement
from xlforget.measure.verdict import Bound, Outcome, Test, Verdict

HOLDS = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE})


@dataclass(frozen=True)
class Finding:
    """One check: a stable ``code`` for machines, a ``message`` for people; neither holds text of a fact."""

    check: str
    ok: bool
    code: str
    message: str
    files: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As it stands in ``--json``."""
        return asdict(self)


def of_error(error: XlforgetError) -> Finding:
    """The finding for an error that ended the verification, so that a CI job sees it among the checks."""
    return Finding("papers", False, error.code, error.what, tuple(getattr(error, "files", ())))


def of_verdict(verdict: Verdict, judgement: Judgement) -> list[Finding]:
    """The result, the agreement of outcomes with figures, and every test and required bound of the signed verdict."""
    word = "nothing was memorised" if judgement.nothing_memorised else "the gate passed"
    findings = [
        Finding("result", True, "PASSED", word)
        if verdict.passed
        else Finding("result", False, "FAILED", "the gate failed when this report was signed"),
        Finding("figures", True, "AGREE", "the figures give the outcomes that were signed")
        if not judgement.problems
        else Finding("figures", False, "DISAGREE", "; ".join(judgement.problems)),
    ]
    findings += [_of_test(test) for test in verdict.tests]
    return findings + [_of_bound(bound) for bound in verdict.bounds if bound.required]


def _of_test(test: Test) -> Finding:
    check = f"{test.check}/{test.level}/{test.score}/{test.lang or 'all languages'}"
    message = f"p {test.p:.2g} (before {test.p_base:.2g}), {test.statistic:.3g} against {test.threshold:.3g}"
    reason = f" ({test.reason})" if test.reason else ""
    return Finding(check, test.outcome in HOLDS, test.outcome.value, message + reason)


def _of_bound(bound: Bound) -> Finding:
    check = f"{bound.check}/{bound.name}/{bound.lang or 'all languages'}"
    message = f"{bound.ratio:.3f} of before, {bound.direction} {bound.bound:g}"
    return Finding(check, bound.outcome in HOLDS, bound.outcome.value, message)
