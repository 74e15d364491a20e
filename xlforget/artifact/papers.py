"""The papers of a model folder: written in the order that lets each vouch for those before it, and checked again.

Order: weights, config, tokenizer; ``audit.json``, ``audit.html``, ``README.md``; ``audit.dsse.json`` over all these;
``model.sig`` over everything. A failed run has papers and no model; their subject is the base that was left as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xlforget.artifact import attestation, audit_file, findings, history, strict_json, tickets
from xlforget.artifact.attestation import AUDIT_ENVELOPE, MODEL_SIGNATURE, Trusted
from xlforget.artifact.audit import Audit
from xlforget.artifact.audit_file import AUDIT_FILE
from xlforget.artifact.findings import Finding
from xlforget.artifact.folder import digests
from xlforget.artifact.history import Earlier
from xlforget.artifact.policy import check_folder
from xlforget.artifact.private import digest
from xlforget.artifact.tickets import REPORT
from xlforget.errors import IntegrityError
from xlforget.measure.judge import judge

CARD = "README.md"
PAPERS = frozenset({AUDIT_FILE, REPORT, CARD, AUDIT_ENVELOPE, MODEL_SIGNATURE})


def is_paper(name: str) -> bool:
    """Whether a file of a model folder is one of its papers, and no part of the model."""
    return name in PAPERS or history.is_history(name) or tickets.is_ticket(name)


@dataclass(frozen=True)
class VerifiedPapers:
    """What a folder's papers say, after every signature was found good. ``digests``: the files ``model.sig`` covers.

    ``earlier``: the tickets before this one, the latest first; ``tickets``: the reports of a batch.
    """

    audit: Audit
    digests: dict[str, str]
    findings: tuple[Finding, ...]
    earlier: tuple[Earlier, ...] = ()
    tickets: tuple[Audit, ...] = ()

    @property
    def passed(self) -> bool:
        """True where every check held (exit 0); False is a verdict that is not passed (exit 1)."""
        return all(finding.ok for finding in self.findings)


def write_papers(
    staging: Path,
    audit: Audit,
    private: Path | None,
    passphrase: bytes | None = None,
    chain: Path | None = None,
    own: Sequence[Audit] = (),
) -> None:
    """Add the papers to ``staging``, which holds the model's files, or nothing where ``audit.output`` is None.

    ``chain``: sign with the certificate of ``private``, the first in this file; ``private`` None: through Sigstore.
    ``own``: the reports of a batch, a ticket each.
    Raises IntegrityError where the files are not those that the audit lists, so that nothing else gets signed.
    """
    from xlforget.artifact.render import html, model_card

    found = _model(digests(staging)) if any(staging.iterdir()) else {}
    listed = audit.output.files if audit.output else {}
    attestation.compare_digests(listed, found, AUDIT_FILE)
    if audit.output:
        check_folder(staging, own_output=True)
        (staging / CARD).write_text(model_card(audit), encoding="utf-8")
    audit = audit.model_copy(update={"tickets": tickets.write(staging, own, private, passphrase)})
    (staging / AUDIT_FILE).write_bytes(audit_file.to_json(audit))
    (staging / REPORT).write_text(html(audit), encoding="utf-8")
    subject = digests(staging) if audit.output else audit.base.files
    attestation.sign_audit(staging, audit_file.to_document(audit), subject, private, passphrase)
    attestation.sign_model(staging, private, passphrase, chain)


def verify_papers(folder: Path, trusted: Trusted, ticket: str | None = None, earlier_keys: Sequence[Path] = ()) -> VerifiedPapers:
    """Check everything that is signed, then judge the signed figures again. Loads no weights.

    ``trusted``: a public key, or the certificates of authorities; ``earlier_keys``: others that signed earlier tickets.

    Raises IntegrityError (exit 3) for anything that is not as it was signed, or is signed by another key, or belongs
    to another ticket; a verdict that is not passed is returned, not raised.
    """
    signed = attestation.verify_model(folder, trusted)
    missing = sorted(PAPERS - {MODEL_SIGNATURE, CARD} - signed.keys())
    if missing:
        raise IntegrityError("PAPER_MISSING", f"{missing[0]} is missing", files=missing)
    subject, predicate = attestation.verify_audit(folder, trusted)
    content = (folder / AUDIT_FILE).read_bytes()
    # Read once, and checked against what was hashed: the folder may change while it is looked at.
    attestation.compare_digests({AUDIT_FILE: signed[AUDIT_FILE]}, {AUDIT_FILE: digest(content)}, MODEL_SIGNATURE)
    audit = audit_file.read_audit(content)
    if predicate != strict_json.parse(content, AUDIT_FILE):
        raise IntegrityError("AUDIT_MISMATCH", f"{AUDIT_FILE} is not the audit that was signed", files=[AUDIT_FILE])
    _check_files(folder, audit, signed, subject)
    if ticket is not None and ticket not in audit.names:
        raise IntegrityError("TICKET", "the audit belongs to another ticket", files=[AUDIT_FILE])
    reports = tickets.read(folder, audit, signed, trusted)
    own = [trusted] if isinstance(trusted, Path) else []
    earlier = history.read(folder, audit, [*own, *earlier_keys])
    checks = [
        Finding("papers", True, "SIGNED", f"{len(signed)} files are as they were signed, by the trusted key"),
        *findings.of_verdict(audit.verdict, judge(audit.verdict), audit.request.forms),
        *tickets.findings(audit, reports, ticket),
        *(_of_earlier(number, one) for number, one in enumerate(reversed(earlier), 1)),
    ]
    return VerifiedPapers(audit, signed, tuple(checks), tuple(earlier), tuple(reports))


def _of_earlier(number: int, one: Earlier) -> Finding:
    return Finding(f"earlier ticket {number}", one.audit.result == "passed", "CHAIN", f"ticket {one.named}: {one.audit.result}")


def _model(files: Mapping[str, str]) -> dict[str, str]:
    """The files of the model itself."""
    return {name: digest for name, digest in files.items() if not is_paper(name)}


def _check_files(folder: Path, audit: Audit, signed: dict[str, str], subject: dict[str, str]) -> None:
    """The folder policy, and that signature, statement and audit speak of the same files."""
    attestation.compare_digests(audit.output.files if audit.output else {}, _model(signed), AUDIT_FILE)
    if audit.output:
        check_folder(folder, own_output=True)
        covered = {name: digest for name, digest in signed.items() if name != AUDIT_ENVELOPE}
    else:
        covered = audit.base.files
    attestation.compare_digests(subject, covered, AUDIT_ENVELOPE)
