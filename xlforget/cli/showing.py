"""Results as tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from xlforget.artifact.findings import Finding
from xlforget.artifact.render.words import of_others
from xlforget.artifact.tickets import place
from xlforget.measure.judge import knowledge
from xlforget.measure.verdict import SAMPLES, Bound, Knowledge, Outcome, Test, Verdict

if TYPE_CHECKING:
    from xlforget.output import Applied
    from xlforget.planning import Plan
    from xlforget.rehearsal import Rehearsal

STYLES = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.NO_SIGNAL: "yellow", Outcome.NOT_RUN: "yellow"}


UNITS = "by fact: facts above 95 of 100 unseen ones; by pair: languages of a fact in the top twentieth of facts and unseen ones"
STAND_OUT = "stand out: pairs above 95 of 100 unseen ones; by chance one in twenty is"


def show_verdict(console: Console, verdict: Verdict) -> None:
    """The table per language, the tests over all languages, the damage, the warnings."""
    console.print(_languages(verdict))
    _show_said(console, verdict)
    console.print(_overall(verdict))
    for warning in verdict.warnings:
        console.print(f"warning: {warning}", style="yellow")
    if verdict.policy:
        console.print(f"Judged by the policy {verdict.policy.name}, SHA-256 {verdict.policy.sha256[:16]}.")
    if verdict.smallest_leak is not None:
        console.print(f"Facts left whole that the tests would have found nine times in ten: {verdict.smallest_leak} or more.")


def _languages(verdict: Verdict) -> Table:
    table = _what_it_knows("pairs", "MA before", "after", "threshold", "log p before", "after", "unseen", said="verdict")
    for row in verdict.languages:
        accuracies = (f"{f:.3f}" for f in (row.ma_before, row.ma_after, row.ma_threshold))
        logps = (f"{f:.2f}" for f in (row.logp_before, row.logp_after, row.logp_unseen))
        table.add_row(row.lang, str(row.pairs), *accuracies, *logps, row.verdict.value, style=STYLES.get(row.verdict))
    return table


def _show_said(console: Console, verdict: Verdict) -> None:
    """What sampling would bring out, over all pairs."""
    rows = [row for row in verdict.languages if row.pairs and row.said_before is not None]
    if rows:
        pairs = [row.pairs for row in rows]
        before, after, unseen = (
            sum(n * getattr(row, f"said_{when}") for n, row in zip(pairs, rows, strict=True)) / sum(pairs)
            for when in ("before", "after", "unseen")
        )
        console.print(
            f"Sampled {SAMPLES} times, the old model says the answer of {before:.3f} of the pairs, this one of {after:.3f}, "
            f"and of {unseen:.3f} of unseen ones."
        )
    if found := verdict.likeliest:
        console.print(
            f"The likeliest answer of a fact, in {found.lang}: {found.said_before:.3f} before, {found.said_after:.3f} now; of "
            f"{found.unseen} unseen answers of its kind as likely: {found.unseen_as_likely}.{of_others(found)}"
        )


def _what_it_knows(*figures: str, said: str) -> Table:
    """The head of a table with a row for each language: its figures, and what is ``said`` of it."""
    table = Table(title="What the model knows of the facts, per language (log p in nats per token)")
    table.add_column("")
    for name in figures:
        table.add_column(name, justify="right")
    table.add_column(said)
    return table


FOUND = {Outcome.FAIL: "known", Outcome.NOT_APPLICABLE: "not known"}
CANNOT_TELL = "cannot tell"
FINDINGS = {
    Knowledge.MEMORISED: ("The model knows facts of the request: this ticket needs unlearning.", "red"),
    Knowledge.NOTHING: ("Nothing of the request is memorised: this ticket needs no unlearning.", "green"),
    Knowledge.UNCERTAIN: ("The tests cannot tell. Give more --unseen rows, or more facts in one request.", "yellow"),
}


def show_knowledge(console: Console, verdict: Verdict) -> None:
    """Per language what the model knows of the facts, beside what it makes of unseen text; then what that means."""
    table = _what_it_knows("pairs", "stand out", "MA", "threshold", "unseen", "log p", "unseen", said="facts")
    for row in verdict.languages:
        counts = (str(row.pairs), str(row.memorised_before))
        accuracies = (f"{f:.3f}" for f in (row.ma_before, row.ma_threshold, row.ma_unseen))
        found, style = FOUND.get(row.verdict, CANNOT_TELL), STYLES.get(row.verdict)
        table.add_row(row.lang, *counts, *accuracies, f"{row.logp_before:.2f}", f"{row.logp_unseen:.2f}", found, style=style)
    table.caption = STAND_OUT
    console.print(table)
    for warning in verdict.warnings:
        console.print(f"warning: {warning}", style="yellow")
    unclear = [row.lang for row in verdict.languages if row.verdict not in FOUND]
    if unclear:
        console.print(f"warning: NO SIGNAL in {', '.join(unclear)}: too little unseen text, or too few facts.", style="yellow")
    text, style = FINDINGS[knowledge(verdict)]
    console.print(text, style=style)


def knowledge_document(verdict: Verdict) -> dict[str, Any]:
    """The same for machines."""
    rows = [
        {
            "language": row.lang,
            "pairs": row.pairs,
            "memorised": row.memorised_before,
            "by_heart": row.by_heart,
            "ma": row.ma_before,
            "ma_threshold": row.ma_threshold,
            "ma_unseen": row.ma_unseen,
            "logp": row.logp_before,
            "logp_unseen": row.logp_unseen,
            "said": row.said_before,
            "said_unseen": row.said_unseen,
            "facts": FOUND.get(row.verdict, CANNOT_TELL),
        }
        for row in verdict.languages
    ]
    policy = verdict.policy.model_dump() if verdict.policy else None
    return {"finding": knowledge(verdict).value, "languages": rows, "warnings": list(verdict.warnings), "policy": policy}


def short_table(verdict: Verdict) -> Table:
    """Per language: MA before, after and threshold, and the verdict."""
    table = Table(title="Forgotten in every language?")
    for name in ("language", "MA before", "MA after", "threshold", "verdict"):
        table.add_column(name, justify="left" if name in ("language", "verdict") else "right")
    for row in verdict.languages:
        figures = (row.ma_before, row.ma_after, row.ma_threshold)
        table.add_row(row.lang, *(f"{f:.3f}" for f in figures), row.verdict.value, style=STYLES.get(row.verdict))
    return table


def _overall(verdict: Verdict) -> Table:
    table = Table(title="The gate over facts and pairs, and damage", caption=UNITS)
    for name in ("check", "before", "after", "threshold", "p", "outcome"):
        table.add_column(name, justify="left" if name in ("check", "outcome") else "right")
    for test in verdict.tests:
        if test.lang is None or test.outcome is Outcome.FAIL:
            table.add_row(*_test(test), style=STYLES.get(test.outcome))
    for bound in verdict.bounds:
        if bound.lang is None:
            table.add_row(*_bound(bound), style=STYLES.get(bound.outcome) if bound.required else None)
    return table


def _test(test: Test) -> tuple[str, ...]:
    name = f"{test.check}, {test.score} by {test.level}{f' ({test.lang})' if test.lang else ''}"
    return (
        name,
        f"{test.before:.3g}",
        f"{test.statistic:.3g}",
        f"{test.threshold:.3g}",
        f"{test.p:.2g}",
        test.outcome.value,
    )


def _bound(bound: Bound) -> tuple[str, ...]:
    name = f"{bound.name}{'' if bound.required else ' (reported)'}"
    return (
        name,
        f"{bound.before:.3f}",
        f"{bound.after:.3f}",
        f"{bound.direction} {bound.bound:g} x",
        f"{bound.ratio:.3f} x",
        bound.outcome.value,
    )


def show_passed(console: Console, verdict: Verdict) -> None:
    """Whether a model that was judged passes."""
    if verdict.nothing_memorised:
        console.print("The gate passed: the model before had memorised nothing of the request.", style="green")
    elif verdict.passed:
        console.print("The gate passed.", style="green")
    else:
        console.print("The gate failed.", style="red")


def show_place(console: Console, applied: "Applied") -> None:
    """Where the papers are, and what the result is."""
    if applied.verdict.nothing_memorised:
        console.print("Nothing of the request was memorised: no model was written, a signed report says so.", style="green")
    elif applied.verdict.passed:
        console.print("The gate passed.", style="green")
        console.print(f"model   {applied.folder}", soft_wrap=True)
    else:
        console.print("The gate failed; no model was written.", style="red")
    console.print(f"report  {applied.folder / 'audit.html'}", soft_wrap=True)
    for number, ticket in enumerate(applied.tickets, 1):
        console.print(f"ticket  {ticket}: {applied.folder / place(number)}", soft_wrap=True)


def show_findings(console: Console, findings: Sequence[Finding]) -> None:
    """One line per check of `verify`; of those that hold, only what is not a single test."""
    table = Table(title="Verification")
    for name in ("check", "holds", "code", "message"):
        table.add_column(name)
    for finding in findings:
        if not finding.ok or "/" not in finding.check or finding.check.startswith("measured again"):
            table.add_row(
                finding.check,
                "yes" if finding.ok else "NO",
                finding.code,
                finding.message,
                style="green" if finding.ok else "red",
            )
    console.print(table)
    held = sum(finding.ok for finding in findings)
    console.print(f"{held} of {len(findings)} checks hold.")


def show_plan(console: Console, plan: "Plan", rehearsal: "Rehearsal") -> None:
    """Pairs and controls per language; tokens, memory and time."""
    table = Table(title="Plan")
    for name in ("language", "pairs", "controls to aim", "to stop", "for the gate", "retain rows", "held out"):
        table.add_column(name, justify="left" if name == "language" else "right")
    for row in plan.languages():
        table.add_row(*map(str, row.values()))
    console.print(table)
    tokens, memory = rehearsal.tokens, rehearsal.memory
    console.print(
        f"{rehearsal.facts} facts, {rehearsal.pairs} pairs: {tokens.facts} tokens of facts, {tokens.retain} of retain rows."
    )
    if plan.teacher:
        what = (
            "imitated" if plan.teacher.use == "logits" else "asked only how sure it is of the retain rows: its tokens are others"
        )
        console.print(f"The teacher {plan.teacher.name} is {what}.")
    console.print(f"A step reads {tokens.forget_step} tokens to forget and {tokens.retain_step} to keep.")
    console.print(
        f"Teacher cache {_size(memory.cache)}; estimated peak memory {_size(memory.peak)}, {_size(rehearsal.free)} free."
    )
    if rehearsal.seconds:
        console.print(
            f"Estimated time {_clock(rehearsal.seconds.one_cycle)} for one cycle; up to four, each later one half as long."
        )
    else:
        console.print("The time is not estimated: a step does not fit into this memory.", style="yellow")


def _size(count: float) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _clock(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 120 else f"{seconds:.0f} s"
