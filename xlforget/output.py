"""What a run puts in place, in which order, and how a run that was cut off finds it again.

First the evidence and the openings, then OUT. Each is claimed in the work folder before it gets its name.
"""

from dataclasses import dataclass
from pathlib import Path

from xlforget import batch, former, model_io, reporting
from xlforget.artifact import audit_file, certificates, commitments, evidence, keyless, keys, papers, private, sealed
from xlforget.artifact.attestation import MODEL_SIGNATURE
from xlforget.artifact.folder import check_target, need_bytes, output_folder, remove_stale
from xlforget.asked import Apply
from xlforget.errors import UsageError
from xlforget.former import Line
from xlforget.measure.verdict import Verdict
from xlforget.planning import Plan
from xlforget.request.fact import ErasureRequest
from xlforget.unlearn import checkpoint
from xlforget.work import Work, claims


@dataclass(frozen=True)
class Applied:
    """How a run ended: the verdict and the folder that holds the papers (and the model, where it passed).

    ``tickets``: those of a batch, each of which has a report of its own in the folder.
    """

    verdict: Verdict
    folder: Path
    tickets: tuple[str, ...] = ()


def check(asked: Apply) -> None:
    """What would stop the run at its end stops it before anything loads."""
    if asked.key is None:
        keyless.check()
    else:
        keys.load_private(asked.key, asked.passphrase)
    if asked.key and asked.certificate:
        certificates.check_pair(asked.key, asked.passphrase, asked.certificate)
    own = claims(asked.out)
    if not _is_own(asked.out, own, _signature(asked.out)):
        check_target(asked.out, overwrite=asked.overwrite)
    check_target(_failed(asked.out), overwrite=True)
    for path in filter(None, (asked.keep, asked.openings)):
        if not asked.overwrite and not _is_own(path, own, _digest(path)):
            private.check_absent(path)
    if asked.seal_to:
        keys.load_public(asked.seal_to)
        if not asked.keep:
            raise UsageError("--seal-to has nothing to seal.", do="Name the evidence bundle with --keep.", code="SEAL_TO")


def _is_own(place: Path, own: dict[str, str], found: str | None) -> bool:
    """Whether what lies at ``place`` was put there by a run of this work folder."""
    return found is not None and own.get(str(place.absolute())) == found


def check_room(asked: Apply, plan: Plan, work: Work) -> None:
    """The candidate and the teacher's states, without which no run ends; what lies there already needs no more room."""
    wanted = sum(p.nbytes for p in plan.base.lm.model.parameters()) + _states(asked, plan)
    held = sum(file.stat().st_size for file in work.folder.rglob("*") if file.is_file() and not checkpoint.holds(file))
    check_target(asked.out, overwrite=True, need=need_bytes(max(0, wanted - held)))


def _states(asked: Apply, plan: Plan) -> int:
    """Bytes of a hidden state for each token that the teacher may be asked about, at most."""
    corpus, model = plan.corpus, plan.base.lm.model
    kept = [*(row.text for row in corpus.retain), *corpus.neighbours, *corpus.neutral]
    facts = [text for fact in corpus.facts for text in (fact.text, *fact.rivals)]
    tokens = sum(len(text.ids) for text in (*kept, *facts)) + asked.method.made_tokens(given=bool(corpus.retain))
    width = max(model.config.get_text_config().hidden_size, plan.teacher.width if plan.teacher else 0)
    return int(tokens * width * model.dtype.itemsize)


def ended_before(asked: Apply, work: Work) -> Applied | None:
    """The end of a run that was cut off after its folder was in place, and before its work folder was gone.

    Staging folders of runs that were killed are removed.
    """
    for target in (asked.out, _failed(asked.out)):
        remove_stale(target)
        if (signature := _signature(target)) and signature == work.claimed(target):
            audit = audit_file.read_any(target / audit_file.AUDIT_FILE)
            return Applied(audit.verdict, target, tuple(one.ticket for one in audit.tickets))
    return None


def write(run: reporting.Run, candidate: Path | None, line: Line, work: Work) -> Path:
    """OUT with model and papers, or with papers alone; ``OUT.failed`` where the gate failed."""
    asked, passed = run.asked, run.verdict.passed
    target = asked.out if passed else _failed(asked.out)
    kept = _keep(run, work)
    # The candidate's files are moved, not copied: room is needed for the papers alone.
    with output_folder(target, need=need_bytes(0), overwrite=asked.overwrite or not passed) as staging:
        output = None
        if passed and candidate:
            for file in candidate.iterdir():
                file.rename(staging / file.name)
            output = model_io.digests(staging)
        former.inherit(line, staging)
        audit = reporting.compose(run, output, target.name, kept)
        own = [reporting.compose(one, output, target.name, kept.of_ticket(n)) for n, one in enumerate(batch.each(run))]
        papers.write_papers(staging, audit, asked.key, asked.passphrase, asked.certificate, own)
        work.claim(target, str(_signature(staging)))
    return target


def _keep(run: reporting.Run, work: Work) -> reporting.Kept:
    """The evidence of a pass, sealed or not, and the openings of the commitments: where the user asked for them."""
    asked, digest, sealed_to = run.asked, None, None
    if asked.keep and run.verdict.passed:
        bundle = evidence.pack(reporting.evidence(run))
        digest = private.digest(bundle)
        if asked.seal_to:
            sealed_to = keys.fingerprint(asked.seal_to)
            bundle = sealed.seal(bundle, asked.seal_to)
        _put(asked.keep, bundle, work)
    if not asked.openings:
        return reporting.Kept(digest, sealed_to)
    committed = [_commit(request) for request in run.plan.request.tickets or (run.plan.request,)]
    _put(asked.openings, b"".join(commitments.to_lines(openings) for _, openings in committed), work)
    return reporting.Kept(digest, sealed_to, tuple(commitment for commitment, _ in committed))


def _commit(request: ErasureRequest) -> tuple[commitments.Commitment, tuple[commitments.Opening, ...]]:
    """To the records as they stand in their own file, under their own ids."""
    return commitments.commit([(str(record["id"]), commitments.canonical_record(record)) for record in request.records])


def _put(path: Path, content: bytes, work: Work) -> None:
    work.claim(path, private.digest(content))
    private.write_private(path, content, overwrite=True)  # `check` said that it may be written


def _failed(out: Path) -> Path:
    return out.with_name(f"{out.name}.failed")


def _signature(folder: Path) -> str | None:
    """What tells a signed folder from every other one."""
    return _digest(folder / MODEL_SIGNATURE)


def _digest(file: Path) -> str | None:
    return private.digest(file.read_bytes()) if file.is_file() else None
