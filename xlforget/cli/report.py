"""``xlforget report``: renders an audit as HTML."""

from pathlib import Path
from typing import Annotated

import typer

from xlforget.cli.console import out


def report(
    audit: Annotated[Path, typer.Argument(metavar="AUDIT", help="audit.json, or the signed audit.dsse.json.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the report.")] = Path("report.html"),
) -> None:
    """Render an audit as one HTML file. Checks no signature: that is what `verify` is for."""
    from xlforget.artifact.audit_file import read_any
    from xlforget.artifact.render import html

    page = html(read_any(audit))
    output.write_text(page, encoding="utf-8")
    out.print(str(output), soft_wrap=True, highlight=False)
