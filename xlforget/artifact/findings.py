"""What ``verify`` found, one line a check, for tables, JSON and JUnit."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any

from xlforget.errors import XlforgetError
from xlforget.measure.held import NOT_MEASURED, hold, missing
from xlforget.measure.judge import Judgement
from xlforget.measure.policy import Policy, default
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


def of_verdict(verdict: Verdict, judgement: Judgement, forms: Collection[str] = ()) -> list[Finding]:
    """The result, the agreement of outcomes with figures, and every test and required bound of the signed verdict.

    ``forms``: of the request's facts; what the shipped policy requires of them, where it judged, and was not tested is NOT RUN.
    """
    word = "nothing was memorised" if judgement.nothing_memorised else "the gate passed"
    findings = [
        Finding("result", True, "PASSED", word)
        if verdict.passed
        else Finding("result", False, "FAILED", "the gate failed when this report was signed"),
        Finding("figures", True, "AGREE", "the figures give the outcomes that were signed")
        if not judgement.problems
        else Finding("figures", False, "DISAGREE", "; ".join(judgement.problems)),
    ]
    findings += [_named(verdict, judgement, forms), *(_of_test(test) for test in verdict.tests)]
    findings += [Finding(check, False, Outcome.NOT_RUN.value, NOT_MEASURED) for check in left_out(verdict, forms)]
    return findings + [_of_bound(bound) for bound in verdict.bounds if bound.required]


def of_policy(held: Verdict, policy: Policy) -> list[Finding]:
    """What a policy says of signed figures (``held``): its verdict, and everything that it requires and that does not hold."""
    name = f"policy {policy.rules.name}"
    word = "pass" if held.passed else "do not pass"
    tests = [_of_test(test) for test in held.tests if test.outcome not in HOLDS]
    bounds = [_of_bound(bound) for bound in held.bounds if bound.required and bound.outcome not in HOLDS]
    return [
        Finding(name, held.passed, "POLICY", f"by this policy (SHA-256 {policy.sha256}) the signed figures {word}"),
        *(replace(finding, check=f"{name}/{finding.check}") for finding in (*tests, *bounds)),
    ]


def left_out(verdict: Verdict, forms: Collection[str]) -> tuple[str, ...]:
    """The checks of which a report judged by the shipped policy must have tests that it has not."""
    absent = missing(verdict, default(), forms) if verdict.policy == default().judged_by else ()
    return tuple(dict.fromkeys(check for check, _ in absent))


def _named(verdict: Verdict, judgement: Judgement, forms: Collection[str]) -> Finding:
    """Which policy the signed verdict is that of. Where it is the shipped one, its bounds must be those signed."""
    judged_by = verdict.policy
    if judged_by is None:
        return Finding("judged by", True, "POLICY", "the report names no policy; it is of before there were any")
    own = judged_by == default().judged_by
    kept = not own or hold(verdict, default(), forms).passed == judgement.passed
    shipped = "the one that this version ships" if own else "not the one that this version ships"
    said = "" if kept else "; signed with other bounds or checks than it asks for"
    return Finding("judged by", kept, "POLICY", f"policy {judged_by.name}, {shipped}; SHA-256 {judged_by.sha256}{said}")


def _of_test(test: Test) -> Finding:
    check = f"{test.check}/{test.level}/{test.score}/{test.lang or 'all languages'}"
    message = f"p {test.p:.2g} (before {test.p_base:.2g}), {test.statistic:.3g} against {test.threshold:.3g}"
    reason = f" ({test.reason})" if test.reason else ""
    return Finding(check, test.outcome in HOLDS, test.outcome.value, message + reason)


def _of_bound(bound: Bound) -> Finding:
    check = f"{bound.check}/{bound.name}/{bound.lang or 'all languages'}"
    reason = f" ({bound.reason})" if bound.reason else ""
    message = f"{bound.ratio:.3f} of before, {bound.direction} {bound.bound:g}{reason}"
    return Finding(check, bound.outcome in HOLDS, bound.outcome.value, message)
