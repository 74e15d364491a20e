"""The second half of the line, walked again on a finished folder. Loads torch only where weights are measured."""

from collections.abc import Sequence

from xlforget.artifact import commitments, evidence, papers, private, sealed
from xlforget.artifact.audit import Audit
from xlforget.artifact.findings import Finding, of_policy
from xlforget.asked import Verify
from xlforget.errors import IntegrityError, UsageError
from xlforget.measure import policy
from xlforget.measure.held import hold
from xlforget.measure.policy import Policy


def verify(asked: Verify) -> list[Finding]:
    """Check a folder's papers and, with an evidence bundle, measure its weights again.

    Raises IntegrityError (3) for anything that is not as it was signed, UsageError NO_FOLDER; what does not hold is a finding.
    """
    if not asked.folder.is_dir():
        raise UsageError(f"There is no folder {asked.folder.name}.", do="Give the folder that `apply` wrote.", code="NO_FOLDER")
    if (asked.opening is None) != (asked.fact is None):
        raise UsageError("--opening and --fact belong together.", do="Give both, or neither.", code="OPENING")
    held_to = policy.read(asked.policy) if asked.policy else None
    signed = papers.verify_papers(asked.folder, asked.key, asked.ticket, asked.earlier_keys)
    findings = list(signed.findings)
    if held_to:
        findings += of_policy(hold(signed.audit.verdict, held_to, signed.audit.request.forms), held_to)
    if asked.opening:
        findings += _openings(asked, [signed.audit, *signed.tickets])
    if asked.evidence:
        findings += _measured(asked, signed.audit, held_to)
    if asked.former:
        findings += _former(asked, signed)
    return findings


def _former(asked: Verify, signed: papers.VerifiedPapers) -> list[Finding]:
    """Whether what earlier tickets erased is still gone from these weights."""
    if signed.audit.output is None:
        return [Finding("measured again", True, "AGAIN", "no model was written: nothing to measure")]
    from xlforget import former

    given = former.opened(asked.former, signed.earlier, asked.unseal, asked.unseal_passphrase)
    return former.findings(asked.folder, former.Line(asked.folder, signed.earlier, given), asked.device)


def _openings(asked: Verify, audits: Sequence[Audit]) -> list[Finding]:
    """One finding a record, by its line: was it in a request that these reports are about? With --ticket, in that one's."""
    from xlforget.request.reader import read_request

    own = [audit for audit in audits if asked.ticket in (None, audit.ticket)]
    committed = [audit.commitment for audit in own if audit.commitment]
    if not committed:
        raise UsageError(
            "The report commits to no request.", do="Only `apply` with --openings writes a commitment.", code="NO_COMMITMENT"
        )
    request = read_request(str(asked.fact), require_ids=False)
    openings = commitments.read_openings(asked.opening) if asked.opening else ()
    findings = []
    for fact, record in zip(request.facts, map(commitments.canonical_record, request.records), strict=True):
        ok = any(commitments.opens(commitment, opening, record) for commitment in committed for opening in openings)
        word = "was in the request" if ok else "none of the openings shows that this record was in the request"
        findings.append(Finding(f"opening of line {fact.line}", ok, "OPENING", word))
    return findings


def _measured(asked: Verify, audit: Audit, held_to: Policy | None) -> list[Finding]:
    assert asked.evidence is not None
    bundle = sealed.unseal(evidence.read(asked.evidence), asked.evidence.name, asked.unseal, asked.unseal_passphrase)
    if audit.evidence != private.digest(bundle):
        raise IntegrityError("EVIDENCE_OTHER", "the evidence bundle is not the one that this report was signed with")
    if audit.output is None:
        return [Finding("measured again", True, "AGAIN", "no model was written: nothing to measure")]
    parts = evidence.unpack(bundle, asked.evidence.name)
    from xlforget import again

    return again.measure_again(asked.folder, audit, parts, asked.device, held_to)
