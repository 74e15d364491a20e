"""``xlforget verify``: checks a finished folder, in CI for one."""

from pathlib import Path
from typing import Annotated

import typer

from xlforget.cli.console import tables, write_json

EPILOG = """Examples:

  xlforget verify ./model-forgotten --key xlforget.pub --ticket DSR-7 --junit verify.xml

  xlforget verify ./model-forgotten --key xlforget.pub --evidence dsr-7.xfset --unseal dpo.pem

  xlforget verify ./model-forgotten --key xlforget.pub --opening one.jsonl --fact record.jsonl
"""


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that `apply` wrote.")],
    key: Annotated[
        Path | None,
        typer.Option("--key", envvar="XLFORGET_PUBKEY", help="The trusted public key, or certificates of authorities."),
    ] = None,
    identity: Annotated[str | None, typer.Option(help="Trust whoever Sigstore says is this identity; needs the network.")] = None,
    issuer: Annotated[str | None, typer.Option(help="Who vouches for --identity: an OpenID Connect issuer.")] = None,
    ticket: Annotated[str | None, typer.Option(help="The report must be of this ticket.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Measure the weights again with this bundle (--keep of apply).")] = None,
    unseal: Annotated[
        Path | None, typer.Option("--unseal", envvar="XLFORGET_UNSEAL_KEY", help="The private key that opens a sealed bundle.")
    ] = None,
    parent_key: Annotated[
        list[Path] | None, typer.Option("--parent-key", help="Another key that signed earlier tickets.")
    ] = None,
    former: Annotated[list[Path] | None, typer.Option(help="Evidence of an earlier ticket: is it still forgotten?")] = None,
    opening: Annotated[Path | None, typer.Option(help="Openings (--openings of apply), to prove what was asked for.")] = None,
    fact: Annotated[str | None, typer.Option(metavar="REQUEST", help="The records that --opening must open.")] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Hold the signed figures to this policy (TOML), too.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the checks as JUnit XML.")] = None,
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write the checks as JSON; - is stdout.")] = None,
    device: Annotated[str, typer.Option(help="Where to measure again: auto, cpu, cuda.")] = "auto",
) -> None:
    """Check signatures, files and the signed figures of DIR; with --evidence, measure its weights again.

    Where GITHUB_STEP_SUMMARY names a file, a summary is appended to it.

    Exit 0: all holds. 1: the gate did not pass, or the weights do not give the signed figures. 3: something is not as signed.
    """
    from xlforget.artifact import findings as found
    from xlforget.artifact.render.junit import write_junit
    from xlforget.artifact.render.summary import append_summary, summary
    from xlforget.asked import Verify
    from xlforget.cli.asking import passphrase_for, trusted
    from xlforget.cli.showing import show_findings
    from xlforget.errors import XlforgetError
    from xlforget.verification import verify as walk

    asked = Verify(
        folder,
        trusted(key, identity, issuer),
        ticket,
        evidence,
        unseal=unseal,
        unseal_passphrase=passphrase_for(unseal, "XLFORGET_UNSEAL_PASSPHRASE") if unseal and (evidence or former) else None,
        earlier_keys=tuple(parent_key or ()),
        former=tuple(former or ()),
        opening=opening,
        fact=fact,
        policy=policy,
        device=device,
    )
    failed: XlforgetError | None = None
    try:
        findings = walk(asked)
    except XlforgetError as error:
        findings, failed = [found.of_error(error)], error
    passed = failed is None and all(finding.ok for finding in findings)
    append_summary(summary(findings, folder.name, ticket))
    if junit:
        write_junit(findings, junit)
    if json:
        write_json(json, {"passed": passed, "checks": [finding.document() for finding in findings]})
    if failed:
        raise failed
    show_findings(tables(json), findings)
    raise typer.Exit(0 if passed else 1)
