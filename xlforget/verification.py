"""The second half of the line, walked again on a finished folder. Loads torch only where weights are measured."""

from xlforget.artifact import evidence, papers, private
from xlforget.artifact.findings import Finding
from xlforget.asked import Verify
from xlforget.errors import IntegrityError


def verify(asked: Verify) -> list[Finding]:
    """Check a folder's papers and, with an evidence bundle, measure its weights again.

    Raises IntegrityError (3) for anything that is not as it was signed; what does not hold is a finding.
    """
    signed = papers.verify_papers(asked.folder, asked.key, asked.ticket)
    if asked.evidence is None:
        return list(signed.findings)
    bundle = evidence.read(asked.evidence)
    if signed.audit.evidence != private.digest(bundle):
        raise IntegrityError("EVIDENCE_OTHER", "the evidence bundle is not the one that this report was signed with")
    if signed.audit.output is None:
        return [*signed.findings, Finding("measured again", True, "AGAIN", "no model was written: nothing to measure")]
    parts = evidence.unpack(bundle, asked.evidence.name)
    from xlforget import again

    return [*signed.findings, *again.measure_again(asked.folder, signed.audit, parts, asked.device)]
