"""``xlforget verify``: checks a finished folder, in CI for one."""

from pathlib import Path
from typing import Annotated

import typer

from xlforget.cli.console import tables, write_json


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that `apply` wrote.")],
    key: Annotated[
        Path | None,
        typer.Option("--key", envvar="XLFORGET_PUBKEY", help="The trusted public key; never taken from DIR."),
    ] = None,
    ticket: Annotated[str | None, typer.Option(help="The report must be of this ticket.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Measure the weights again with this bundle (--keep of apply).")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the checks as JUnit XML.")] = None,
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write the checks as JSON; - is stdout.")] = None,
    device: Annotated[str, typer.Option(help="Where to measure again: auto, cpu, cuda.")] = "auto",
) -> None:
    """Check signatures, files and the signed figures of DIR; with --evidence, measure its weights again.

    Exit 0: all holds. 1: the gate did not pass, or the weights do not give the signed figures. 3: something is not as signed.
    """
    from xlforget.artifact import findings as found
    from xlforget.artifact.render.junit import write_junit
    from xlforget.asked import Verify
    from xlforget.cli.asking import required_key
    from xlforget.cli.showing import show_findings
    from xlforget.errors import XlforgetError
    from xlforget.verification import verify as walk

    asked = Verify(folder, required_key(key, "XLFORGET_PUBKEY"), ticket, evidence, device)
    failed: XlforgetError | None = None
    try:
        findings = walk(asked)
    except XlforgetError as error:
        findings, failed = [found.of_error(error)], error
    passed = failed is None and all(finding.ok for finding in findings)
    if junit:
        write_junit(findings, junit)
    if json:
        write_json(json, {"passed": passed, "checks": [finding.document() for finding in findings]})
    if failed:
        raise failed
    show_findings(tables(json), findings)
    raise typer.Exit(0 if passed else 1)
