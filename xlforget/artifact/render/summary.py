"""A verification in Markdown, for the summary page that a CI job shows."""

import os
from collections.abc import Sequence
from pathlib import Path

from xlforget.artifact.findings import Finding

VARIABLE = "GITHUB_STEP_SUMMARY"
# GitHub drops a step's summary beyond a MiB; a table longer than this is in the JUnit file.
MOST = 200


def summary(findings: Sequence[Finding], folder: str, ticket: str | None) -> str:
    """One heading with the outcome, one row a check; those that do not hold come first."""
    passed = all(finding.ok for finding in findings)
    of_ticket = f", ticket {_cell(ticket)}" if ticket else ""
    shown = sorted(findings, key=lambda finding: finding.ok)[:MOST]
    left = f"\n{len(findings) - MOST} more checks are not shown.\n" if len(findings) > MOST else ""
    rows = "".join(
        f"| {'yes' if finding.ok else '**NO**'} | {_cell(finding.check)} | {_cell(finding.code)} | {_cell(_said(finding))} |\n"
        for finding in shown
    )
    return (
        f"### xlforget verify: {'passed' if passed else 'NOT PASSED'}\n\n"
        f"Folder {_cell(folder)}{of_ticket}. {sum(finding.ok for finding in findings)} of {len(findings)} checks hold.\n\n"
        f"| holds | check | code | message |\n|---|---|---|---|\n{rows}{left}\n"
    )


def append_summary(text: str) -> None:
    """Append to the file that the CI system names in GITHUB_STEP_SUMMARY, if it names one."""
    if place := os.environ.get(VARIABLE):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(text)


def _said(finding: Finding) -> str:
    return f"{finding.message} ({', '.join(finding.files)})" if finding.files else finding.message


def _cell(text: str) -> str:
    """Text that cannot break out of a table, nor be read as a link, HTML or a command of the CI system."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return "".join(f"\\{character}" if character in r"\`*_{}[]<>()#!|~&@" else character for character in plain)
