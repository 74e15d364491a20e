"""Tickets in a row: the model's parent and the tickets before it, and whether what they erased is still gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xlforget import again, model_io
from xlforget.artifact import attestation, audit, audit_file, evidence, history, keys, papers, private, sealed
from xlforget.artifact.findings import HOLDS, Finding
from xlforget.artifact.history import Earlier
from xlforget.asked import Apply
from xlforget.corpus.encode import Encoder
from xlforget.errors import IntegrityError, UsageError
from xlforget.lm import Lm
from xlforget.measure.judge import decide_bound, ratio
from xlforget.measure.verdict import Bound, Test

NAME = "tests of ticket {} that hold"


@dataclass(frozen=True)
class Evidence:
    """The bundle of an earlier ticket, opened."""

    of: Earlier
    parts: dict[str, bytes]


@dataclass(frozen=True)
class Line:
    """Where a model comes from: the tickets before this one, the latest first, and the evidence that was given for them."""

    folder: Path | None = None
    earlier: tuple[Earlier, ...] = ()
    evidence: tuple[Evidence, ...] = ()

    @property
    def parent(self) -> audit.Parent | None:
        return self.earlier[0].as_parent() if self.earlier else None

    def warnings(self) -> tuple[str, ...]:
        """What was not tested again."""
        tested = {one.of.digest for one in self.evidence}
        left = [one.named for one in self.earlier if one.digest not in tested]
        if not left:
            return ()
        return (f"Not tested again, for want of their evidence (--former): earlier tickets {', '.join(left)}.",)


def line_of(asked: Apply) -> Line:
    """Check the papers of a model that this tool wrote, and open the evidence of the tickets before.

    Raises UsageError PARENT_KEY where it needs the key that signed them, PARENT_LINKS for links into a cache, and
    IntegrityError where they are not as signed.
    """
    folder = model_io.locate(asked.model)
    if not (folder / attestation.AUDIT_ENVELOPE).exists():  # `model.sig` alone may be anybody's
        if asked.former:
            raise UsageError("--former needs a model that xlforget wrote.", do="Leave it out.", code="FORMER")
        return Line()
    if asked.parent_key is None:
        raise UsageError(
            "The model was written by xlforget, and nothing says whose signature on it is trusted.",
            do="Give the public key with --parent-key, or set XLFORGET_PUBKEY.",
            code="PARENT_KEY",
        )
    if (folder / attestation.AUDIT_ENVELOPE).is_symlink():
        raise UsageError(
            "The model lies in the hub's cache as links, and a signature is over files.",
            do="Get the files into a folder (hf download REPOSITORY --local-dir DIR), and give that to --model.",
            code="PARENT_LINKS",
        )
    signed = papers.verify_papers(folder, asked.parent_key)
    if not signed.passed or signed.audit.output is None:
        raise IntegrityError("PARENT", "the report of the model does not say that it passed", files=[audit_file.AUDIT_FILE])
    envelope = (folder / attestation.AUDIT_ENVELOPE).read_bytes()
    key = keys.fingerprint_of(attestation.signer(folder, asked.parent_key))
    earlier = (Earlier(private.digest(envelope), key, signed.audit), *signed.earlier)
    return Line(folder, earlier, opened(asked.former, earlier, asked.unseal, asked.unseal_passphrase))


def opened(
    files: Sequence[Path], earlier: Sequence[Earlier], unseal: Path | None, passphrase: bytes | None
) -> tuple[Evidence, ...]:
    """The bundles, each with the ticket whose report names it. Raises IntegrityError EVIDENCE_OTHER for one of no ticket."""
    found = []
    for file in files:
        bundle = sealed.unseal(evidence.read(file), file.name, unseal, passphrase)
        owner = next((one for one in earlier if one.audit.evidence == private.digest(bundle)), None)
        if owner is None:
            raise IntegrityError("EVIDENCE_OTHER", f"{file.name} is the evidence of no earlier ticket", files=[file.name])
        found.append(Evidence(owner, evidence.unpack(bundle, file.name)))
    return tuple(found)


def still_hold(lm: Lm, encoder: Encoder, line: Line) -> tuple[list[audit.Former], list[Bound]]:
    """The tests of earlier tickets on the model as it is now: what the report says of them, and a bound each for the gate."""
    formers, bounds = [], []
    for one in line.evidence:
        tests = _tests(lm, encoder, one)
        held = sum(test.outcome in HOLDS for test in tests)
        had, share = float(bool(tests)), held / max(1, len(tests))
        outcome, reason = decide_bound(had, share, 1.0, "at least")
        formers.append(audit.Former(audit=one.of.digest, tickets=one.of.audit.names, tests=len(tests), held=held))
        bounds.append(
            Bound(
                check="earlier ticket",
                name=NAME.format(", ".join(one.of.audit.names) or one.of.digest[:8]),
                lang=None,
                before=had,
                after=share,
                ratio=ratio(had, share),
                bound=1.0,
                direction="at least",
                required=True,
                outcome=outcome,
                reason=reason,
            )
        )
    return formers, bounds


def findings(folder: Path, line: Line, device: str) -> list[Finding]:
    """For `verify`: one finding an earlier ticket whose evidence was given."""
    if not line.evidence:
        return []
    model = model_io.open_model(str(folder), device)
    _, bounds = still_hold(model.lm, model.encoder, line)
    return [
        Finding(f"measured again/{bound.name}", bound.outcome in HOLDS, "FORMER", f"{bound.after:.3f} of them")
        for bound in bounds
    ]


def _tests(lm: Lm, encoder: Encoder, one: Evidence) -> tuple[Test, ...]:
    return again.judged(lm, encoder, one.of.audit, one.parts)[1]


def inherit(line: Line, staging: Path) -> None:
    """Put the reports of the tickets before into the folder."""
    if line.folder:
        history.inherit(line.folder, staging)
