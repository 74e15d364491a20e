"""The parallel set on the terminal: counts for everybody, and row by row, with its text, for the one who reviews it.

This is the one place where text of facts is printed: on the terminal of the person who asked to read it.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from xlforget.parallel import review as decisions
from xlforget.parallel.pair import ORDER, Pair
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.request.fact import Statement
from xlforget.request.faults import Fault

# Letters of another direction must not reorder the line around them.
ISOLATE, END = "\u2068", "\u2069"
KEYS = "[a]ccept, [e]dit, [d]rop, [s]kip, [q]uit"


def counts(parallel: ParallelSet) -> dict[str, Any]:
    """Rows by language and status, and how often each reason was given."""
    by_lang = {lang: Counter(pair.status for pair in parallel.pairs if pair.lang == lang) for lang in parallel.languages}
    reasons = Counter((pair.status, pair.reason) for pair in parallel.pairs if pair.reason)
    return {
        "languages": {lang: {status: found[status] for status in ORDER} for lang, found in by_lang.items()},
        "reasons": [{"status": status, "reason": why, "rows": n} for (status, why), n in reasons.most_common()],
        "translators": [info.model_dump() for info in parallel.translators],
        "digest": parallel.digest(),
    }


def show_counts(console: Console, parallel: ParallelSet) -> None:
    """A table of statuses by language, and the reasons; no text."""
    found = counts(parallel)
    table = Table("language", *ORDER)
    for lang, own in found["languages"].items():
        table.add_row(lang, *(str(own[status]) for status in ORDER))
    console.print(table)
    for item in found["reasons"]:
        console.print(f"{item['status']}: {item['reason']} ({item['rows']})", soft_wrap=True)


def show_next(console: Console, parallel: ParallelSet, path: Path) -> None:
    """What to do with the file."""
    left = len(decisions.waiting(parallel))
    if left:
        console.print(f"{left} rows need a decision: xlforget translate --review {path}", soft_wrap=True)
    else:
        console.print(f"Every row can be used: xlforget apply REQUEST --parallel {path} ..", soft_wrap=True)


def review(path: Path, console: Console) -> None:
    """Walk the rows that need a decision; each decision is on disk before the next row is shown."""
    parallel = ParallelSet.load(path)
    rows = decisions.waiting(parallel)
    for number, pair in enumerate(rows, start=1):
        _show(console, pair, f"row {number} of {len(rows)}")
        decided = _ask(console, pair, parallel)
        if decided is None:
            break
        if decided != pair:
            parallel = parallel.exchanged(decided)
            parallel.save(path)
    left = len(decisions.waiting(parallel))
    console.print(f"{left} rows still need a decision." if left else "Every row is decided.")


def _ask(console: Console, pair: Pair, parallel: ParallelSet) -> Pair | None:
    """The row after the decision, the same where it was skipped; None: no more rows."""
    while True:
        match typer.prompt(KEYS).strip().lower()[:1]:
            case "a" if pair.wordings:
                return decisions.accept(pair)
            case "a":
                console.print("The answer has no place in this row yet; edit it.", style="yellow")
            case "e":
                edited = _edit(console, pair, parallel)
                if edited is not None:
                    return edited
            case "d":
                return decisions.drop(pair)
            case "s":
                return pair
            case "q":
                return None


def _edit(console: Console, pair: Pair, parallel: ParallelSet) -> Pair | None:
    before = pair.wordings[0] if pair.wordings else Statement(text=pair.unplaced)
    whole = pair.source is not None and pair.source.span is None
    text = typer.prompt("text", default=before.text or None, show_default=False)
    answer = None if whole else typer.prompt("answer", default=before.answer if before.span else None, show_default=False)
    try:
        edited = decisions.edit(pair, text, answer, parallel.languages)
    except Fault as fault:
        console.print(f"The text {fault.message}. Nothing was changed.", style="yellow")
        return None
    if edited.reason:
        console.print(f"Kept as you wrote it, but: {edited.reason}.", style="yellow")
    return edited


def _show(console: Console, pair: Pair, title: str) -> None:
    console.print()
    console.print(f"{title}: {pair.lang}, {pair.status}: {pair.reason}", style="bold", soft_wrap=True)
    if pair.source:
        _line(console, f"source ({pair.source.lang})", pair.source)
    if pair.wordings or pair.unplaced:
        _line(console, f"target ({pair.lang})", pair.wordings[0] if pair.wordings else Statement(text=pair.unplaced))
    if pair.back:
        _line(console, "back", Statement(text=pair.back))
    for way, said in pair.votes.items():
        _line(console, f"  answer, {way}", Statement(text=said))


def _line(console: Console, name: str, said: Statement) -> None:
    """The text with its answer underlined."""
    start, end = said.span or (0, 0)
    text = Text.assemble(ISOLATE, said.text[:start], (said.text[start:end], "bold underline"), said.text[end:], END)
    console.print(Text.assemble((f"{name:<16} ", "dim"), text), soft_wrap=True)
