"""The second half of the line, walked again on a finished folder. Loads torch only where weights are measured."""

from xlforget.artifact import evidence, papers
from xlforget.artifact.findings import Finding
from xlforget.asked import Verify


def verify(asked: Verify) -> list[Finding]:
    """Check a folder's papers and, with an evidence bundle, measure its weights again.

    Raises IntegrityError (3) for anything that is not as it was signed; what does not hold is a finding.
    """
    signed = papers.verify_papers(asked.folder, asked.key, asked.ticket)
    if asked.evidence is None:
        return list(signed.findings)
    from xlforget import again

    parts = evidence.read_bundle(asked.evidence)
    return [*signed.findings, *again.measure_again(asked.folder, signed.audit, parts, asked.device)]
