"""``xlforget check``: every error of a request with its line number, before any model is touched."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xlforget.cli.console import tables, write_json
from xlforget.errors import RequestError

if TYPE_CHECKING:
    from rich.console import Console

    from xlforget.request.summary import Summary


def check(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The request, a JSON Lines file; - for stdin.")],
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write the result; - for stdout.")] = None,
) -> None:
    """Check a request: its records, languages, and what the phrasebook can word of it."""
    from xlforget.request.reader import read_request
    from xlforget.request.summary import summarise

    try:
        summary = summarise(read_request(request))
    except RequestError as error:
        _write(json, {"ok": False, "problems": [asdict(problem) for problem in error.problems]})
        raise
    _write(json, {"ok": True, "problems": [], **summary.model_dump(mode="json")})
    _show(summary, tables(json))


def _write(target: str | None, result: dict[str, Any]) -> None:
    if target is not None:
        write_json(target, result)


def _show(summary: "Summary", console: "Console") -> None:
    from rich.table import Table

    table = Table("language", "texts given", "worded by the phrasebook")
    for lang in summary.languages:
        table.add_row(lang, str(summary.given.get(lang, 0)), str(summary.worded.get(lang, 0)))
    forms = ", ".join(f"{count} of form {form}" for form, count in summary.forms.items())
    console.print(f"The request is valid. Facts: {summary.facts} ({forms}).")
    console.print(table)
    for item in summary.missing:
        console.print(f"line {item.line}: not in {item.lang}: {item.message} [{item.reason}]", soft_wrap=True)
