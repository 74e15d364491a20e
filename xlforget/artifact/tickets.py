"""The reports of a batch: ``tickets/N`` holds what one ticket's own report says, to be handed out alone.

Each is about the same files as the report over all, signed by the same key; the report over all names them by digest, in
order, so that none can be dropped or take another's place. A file name never holds a ticket's name.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from xlforget.artifact import attestation, audit_file, strict_json
from xlforget.artifact.attestation import AUDIT_ENVELOPE, Trusted, compare_digests
from xlforget.artifact.audit import TICKETS, Audit, TicketReport
from xlforget.artifact.audit_file import AUDIT_FILE
from xlforget.artifact.findings import Finding, left_out
from xlforget.artifact.private import digest
from xlforget.errors import IntegrityError
from xlforget.measure.held import NOT_MEASURED
from xlforget.measure.judge import judge
from xlforget.measure.verdict import Outcome

FOLDER = "tickets"
REPORT = "audit.html"
PAPERS = (AUDIT_FILE, REPORT, AUDIT_ENVELOPE)


def is_ticket(name: str) -> bool:
    """Whether a file of a model folder belongs to a ticket's own report."""
    return name.startswith(f"{FOLDER}/")


def place(number: int, paper: str = REPORT) -> str:
    """The file that holds a paper of the ticket with that number, counted from 1."""
    return f"{FOLDER}/{number}/{paper}"


def write(staging: Path, own: Sequence[Audit], private: Path | None, passphrase: bytes | None) -> tuple[TicketReport, ...]:
    """Write and sign the reports, each about the model's files or, where none were written, about the base's."""
    from xlforget.artifact.render import html

    reports = []
    for number, audit in enumerate(own, 1):
        folder = staging / FOLDER / str(number)
        folder.mkdir(parents=True)
        (folder / AUDIT_FILE).write_bytes(audit_file.to_json(audit))
        (folder / REPORT).write_text(html(audit), encoding="utf-8")
        attestation.sign_audit(folder, audit_file.to_document(audit), _subject(audit), private, passphrase)
        reports.append(TicketReport(ticket=str(audit.ticket), audit=digest((folder / AUDIT_ENVELOPE).read_bytes())))
    return tuple(reports)


def read(folder: Path, audit: Audit, signed: Mapping[str, str], trusted: Trusted) -> list[Audit]:
    """The reports of a batch, in order; ``signed``: the files that ``model.sig`` covers.

    Raises IntegrityError naming the file for one that is missing, too many, changed, another ticket's or about other files.
    """
    expected = {place(number, paper) for number in range(1, len(audit.tickets) + 1) for paper in PAPERS}
    unlike = sorted(expected ^ {name for name in signed if is_ticket(name)})
    if unlike:
        raise IntegrityError("TICKETS", f"{unlike[0]}: not the reports of this batch", files=unlike)
    return [_read(folder, number, named, audit, signed, trusted) for number, named in enumerate(audit.tickets, 1)]


def _read(folder: Path, number: int, named: TicketReport, batch: Audit, signed: Mapping[str, str], trusted: Trusted) -> Audit:
    envelope, name = place(number, AUDIT_ENVELOPE), place(number, AUDIT_FILE)
    compare_digests({envelope: named.audit}, {envelope: signed[envelope]}, AUDIT_FILE)
    subject, predicate = attestation.verify_audit(folder, trusted, envelope)
    content = (folder / name).read_bytes()
    compare_digests({name: signed[name]}, {name: digest(content)}, attestation.MODEL_SIGNATURE)
    audit = audit_file.read_audit(content, name)
    if predicate != strict_json.parse(content, name):
        raise IntegrityError("AUDIT_MISMATCH", f"{name} is not the audit that was signed", files=[name])
    compare_digests(_subject(batch), subject, envelope)
    same = (audit.result, audit.base, audit.output) == (batch.result, batch.base, batch.output)
    if audit.ticket != named.ticket or audit.batch is None or not same:
        raise IntegrityError("TICKETS", f"{name}: not the report of that ticket in this batch", files=[name])
    return audit


def findings(batch: Audit, reports: Sequence[Audit], ticket: str | None) -> list[Finding]:
    """One a report, by number; with ``ticket`` that one's alone, and any that does not hold."""
    found = [(audit, _finding(number, audit)) for number, audit in enumerate(reports, 1)]
    shown = [finding for audit, finding in found if ticket in (None, audit.ticket) or not finding.ok]
    clean = sum(audit.own_outcome is not Outcome.FAIL for audit in reports)
    said = [(bound.before, bound.after) for bound in batch.verdict.bounds if bound.check == TICKETS]
    if said != ([(len(reports), clean)] if reports else []):
        shown.append(Finding("tickets", False, "DISAGREE", "the gate counted other outcomes of tickets than their reports hold"))
    return shown


def _finding(number: int, audit: Audit) -> Finding:
    absent = left_out(audit.verdict, audit.request.forms) if audit.result == "passed" else ()
    problems = (*judge(audit.verdict).problems, *(f"{check}: {NOT_MEASURED}" for check in absent))
    message = f"ticket {audit.ticket}, report {place(number)}: the gate {audit.result}, its own tests {audit.own_outcome.value}"
    ok = not problems and audit.result != "failed" and audit.own_outcome is not Outcome.FAIL
    code = "DISAGREE" if problems else audit.own_outcome.name
    return Finding(f"ticket {number}", ok, code, "; ".join([message, *problems]), (place(number),))


def _subject(audit: Audit) -> dict[str, str]:
    return audit.output.files if audit.output else audit.base.files
