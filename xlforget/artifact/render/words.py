"""Figures and verdicts in plain words."""

import json
from datetime import datetime
from typing import NamedTuple

from xlforget.artifact.audit import Audit
from xlforget.artifact.findings import HOLDS
from xlforget.measure.verdict import MADE, SAMPLES, Bound, LanguageRow, Likeliest, Outcome, Test, Verdict

# Not the locale's: one audit renders to the same bytes everywhere.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


SCORES = {"ma": "memorization accuracy", "logp": "log-probability", "margin": "margin over other answers"}


class Failure(NamedTuple):
    """One check that did not hold, in words."""

    outcome: Outcome
    text: str


def failures(audit: Audit) -> list[Failure]:
    """The tests and required bounds that did not hold, the worst first.

    In a ticket's report of a batch, tests that could not tell are not among them: the gate's were those over all.
    """
    verdict = audit.verdict
    counted = {Outcome.NO_SIGNAL, Outcome.NOT_RUN, *HOLDS} if audit.batch else HOLDS
    found = [
        Failure(test.outcome, f"{test.check} {_where(test)}: {SCORES[test.score]}{_because(test.reason)}")
        for test in verdict.tests
        if test.outcome not in counted
    ]
    found += [
        Failure(bound.outcome, f"{bound.name} {_where(bound)}: {_missed(bound)}")
        for bound in verdict.bounds
        if bound.required and bound.outcome not in HOLDS
    ]
    return sorted(found, key=lambda failure: failure.outcome is not Outcome.FAIL)


def _where(check: Test | Bound) -> str:
    if check.lang:
        return f"in {language(check.lang)}"
    return f"by {check.level}, over all languages" if isinstance(check, Test) else "over all languages"


def _missed(bound: Bound) -> str:
    return bound.reason if bound.reason else f"{bound.ratio:.3f} of before, not {bound.direction} {bound.bound:g}"


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


# What stands in the place of a language.
NOT_LANGUAGES = {MADE: "samples of the model", "und": "language not stated"}


def language(tag: str) -> str:
    """The English name of a language tag, or the tag where it has none."""
    import langcodes

    if tag in NOT_LANGUAGES:
        return NOT_LANGUAGES[tag]
    try:
        name: str = langcodes.Language.get(tag).display_name()
    except (ValueError, LookupError):
        return tag
    return tag if name.startswith("Unknown") else name


def kept(verdict: Verdict) -> str:
    """How much of what it should know the model still knows: the worst figure that the gate looks at."""
    ratios = [
        bound.ratio
        for bound in verdict.bounds
        if bound.check == "damage" and bound.required and bound.outcome is not Outcome.NOT_RUN
    ]
    return f"{figure(min(ratios), 3)} of before" if ratios else "reported, not gated"


def own_name(tag: str) -> str:
    """What a language calls itself, where it has another name for itself than English has for it."""
    import langcodes

    try:
        name: str = langcodes.Language.get(tag).autonym()
    except (ValueError, LookupError):
        return ""
    return "" if name.casefold() in (language(tag).casefold(), tag.casefold()) or name.startswith("Unknown") else name


def closest(verdict: Verdict, most: int = 12) -> tuple[LanguageRow, ...]:
    """The languages that the first page has room for: all, or those that come closest to their threshold, in their order."""
    near = sorted(verdict.languages, key=lambda row: (row.verdict in HOLDS, row.ma_threshold - row.ma_after))[:most]
    return tuple(row for row in verdict.languages if row in near)


def figure(value: float, digits: int = 2) -> str:
    """A number to so many decimals, with a true minus sign and no negative zero."""
    text = f"{value:.{digits}f}"
    return f"{float(text) + 0.0:.{digits}f}".replace("-", "−")


def percent(value: float) -> str:
    """A share between 0 and 1 as a length for CSS and SVG, kept inside the chart."""
    return f"{100 * min(1.0, max(0.0, value)):.1f}%"


def day(moment: datetime) -> str:
    """``4 March 2026, 09:12 UTC``."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M} UTC"


def yaml_string(text: str) -> str:
    """A string that YAML reads back as it is: JSON's is one."""
    return json.dumps(text, ensure_ascii=False)


def headline(audit: Audit) -> str:
    """What the report says, in one sentence."""
    if audit.batch:
        return f"{_GATE[audit.result]} {_OWN[audit.own_outcome]}"
    if audit.result == "passed":
        return (
            "In every language listed below, the changed model's scores on the facts could not be told from its scores "
            "on comparable text that it had never seen, and the other checks held."
        )
    if audit.result == "nothing memorised":
        return "The model had not memorised these facts in the languages listed below. It was not changed."
    return "At least one check did not hold. No model was released; the tables below show what did not hold."


_GATE = {
    "passed": (
        "This request was forgotten together with others. Over all facts of the run, the changed model's scores could not be "
        "told from its scores on comparable text that it had never seen, and the other checks held."
    ),
    "nothing memorised": (
        "This request was looked at together with others. The model had not memorised their facts. It was not changed."
    ),
    "failed": "This request was worked on together with others. At least one check did not hold. No model was released.",
}
_OWN = {
    Outcome.PASS: "The tests of this request's facts alone say the same of them.",
    Outcome.NOT_APPLICABLE: "By the tests of this request's facts alone, the model had not memorised them before.",
    Outcome.NO_SIGNAL: "This request's facts are too few for tests of their own to tell; they were tested among all.",
    Outcome.NOT_RUN: "Not all tests of this request's facts alone were run; they were tested among all.",
    Outcome.FAIL: "The tests of this request's facts alone find that the model still knows some of them.",
}


def limits(audit: Audit) -> str:
    """How small a leak the tests would have seen."""
    tests = [("the tests", audit.verdict.smallest_leak)]
    if audit.batch:
        own = ("the tests of this request's facts alone", audit.verdict.smallest_leak)
        tests = [("the tests over all facts of the run", audit.batch.smallest_leak), own]
    found = [_found(name, smallest) for name, smallest in tests]
    if any(smallest is not None for _, smallest in tests):
        found.append("A smaller leak, or a fact left in part, may have gone unseen.")
    return " ".join(found)


def likeliest(verdict: Verdict) -> str:
    """The answer that is likeliest to come back, beside unseen ones of its kind; nothing where that was not measured."""
    if not (found := verdict.likeliest):
        return ""
    chance = f"{figure(found.said_after)} (before: {figure(found.said_before)})"
    beside = f"as likely as that: {found.unseen_as_likely} of {found.unseen} answers of its kind that the model never saw"
    return (
        f"The answer likeliest to come back is one in {language(found.lang)}: the chance that {SAMPLES} samples hold it is "
        f"{chance}; {beside if found.unseen else 'there was no unseen answer of its kind to compare with'}.{of_others(found)}"
    )


def of_others(found: Likeliest) -> str:
    """Whether the answer is told of anybody, where that was asked: a sentence with a space before it, or nothing."""
    if found.of_anybody is None:
        return ""
    about = "about as often" if found.of_anybody else "much less often"
    return f" Of people whom it never met the changed model says it {about}."


def _found(tests: str, smallest: int | None) -> str:
    if smallest is None:
        return f"How small a leak {tests} would have found was not established."
    facts = "one fact" if smallest == 1 else f"{smallest} facts"
    return f"Had {facts} been left whole, {tests} would have found it nine times out of ten."
