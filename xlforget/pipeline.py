"""The straight line: request, parallel set, tokens, unlearning, measurement, verdict, audit, signed model folder."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from xlforget import former, model_io, planning, reporting
from xlforget.artifact import audit, audit_file, certificates, commitments, evidence, keys, papers, private, sealed
from xlforget.artifact.attestation import MODEL_SIGNATURE
from xlforget.artifact.folder import check_target, need_bytes, output_folder, remove_stale
from xlforget.asked import Apply
from xlforget.errors import MachineError, UsageError
from xlforget.former import Line
from xlforget.measure import examine as measure
from xlforget.measure.gate import gate
from xlforget.measure.judge import found_base
from xlforget.measure.stop import stop_rule
from xlforget.measure.verdict import Bound, Outcome, Verdict
from xlforget.model_io import Opened
from xlforget.planning import Plan
from xlforget.reporting import Before
from xlforget.unlearn.engine import Round
from xlforget.unlearn.made import Made, make
from xlforget.unlearn.unlearn import unlearn
from xlforget.work import Work, claims

PROFILE = "quick"


class Watch(Protocol):
    """What a run tells whoever looks on. Names, counts and figures only."""

    def stage(self, name: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...

    def round(self, seen: Round) -> None: ...


@dataclass(frozen=True)
class Applied:
    """How a run ended: the verdict and the folder that holds the papers (and the model, where it passed)."""

    verdict: Verdict
    folder: Path


def apply(asked: Apply, watch: Watch) -> Applied:
    """Forget the request's facts and write the signed model, or a signed report of why there is none.

    Raises UsageError (2), IntegrityError (3) or MachineError (4); a failed gate is a verdict, not an error.
    """
    _check_ends(asked)
    with Work(asked.out) as work:
        inputs = planning.read_inputs(asked)
        watch.stage("opening the model")
        line = former.line_of(asked)
        base = model_io.open_model(asked.model, asked.device)
        work.tie(planning.fingerprint(asked, inputs, base), fresh=asked.fresh)
        _tidy(asked)
        applied = _ended_before(asked, work)
        if not applied:
            plan = planning.plan(asked, inputs, base, work.path("parallel.jsonl"))
            applied = _forget(asked, plan, line, work, watch)
        if not work.remove():
            raise MachineError(
                f"The work folder beside {asked.out.name} could not be removed; it holds personal data.",
                do="Remove it: xlforget clean OUT.",
                code="WORK_LEFT",
            )
    return applied


def _forget(asked: Apply, plan: Plan, line: Line, work: Work, watch: Watch) -> Applied:
    base, corpus = plan.base, plan.corpus
    verdict_controls = corpus.controls["gate"]
    _check_room(asked, base, work)
    watch.stage("measuring what the model knows")
    before = after = measure.examine(base.lm, corpus, verdict_controls)
    known = gate(measure.checks(before, before, corpus.groups), [], profile=PROFILE, seed=asked.seed, power=False)
    made = unlearned = candidate = None
    seconds = 0.0
    formers: list[audit.Former] = []
    earlier: list[Bound] = []
    if not _nothing_to_do(known):
        watch.stage("sampling text that must stay")
        made = _made(asked, plan, work, watch)
        before = replace(before, bystanders=measure.bystanders(base.lm, corpus, made.held_out))
        done = stop_rule(base.lm, corpus, before)
        watch.stage("unlearning")
        began = time.monotonic()
        unlearned = unlearn(base.lm, corpus, made, asked.method, asked.seed, work.folder, done, watch.round)
        seconds = time.monotonic() - began
        watch.stage("measuring the files that were written")
        candidate = work.fresh("candidate")
        model_io.save(base.lm, base.folder, candidate)
        changed = model_io.reopen(candidate, asked.device)
        after = measure.examine(changed, corpus, verdict_controls, made.held_out)
        formers, earlier = former.still_hold(changed, base.encoder, line)
    checks = measure.checks(before, after, corpus.groups)
    verdict = gate(checks, [*measure.bounds(before, after), *earlier], profile=PROFILE, seed=asked.seed)
    verdict = verdict.model_copy(update={"warnings": (*verdict.warnings, *line.warnings())})
    watch.stage("writing the papers")
    run = reporting.Run(
        plan, asked, made, unlearned, seconds, before, after, checks, verdict, Before(line.parent, tuple(formers))
    )
    return Applied(verdict, _write(run, candidate, line, work))


def _check_ends(asked: Apply) -> None:
    """What would stop the run at its end stops it before anything loads."""
    keys.load_private(asked.key, asked.passphrase)
    if asked.certificate:
        certificates.check_pair(asked.key, asked.passphrase, asked.certificate)
    own = claims(asked.out)
    if own.get(str(asked.out.absolute())) != _signature(asked.out):
        check_target(asked.out, overwrite=asked.overwrite)
    check_target(_failed(asked.out), overwrite=True)
    for path in filter(None, (asked.keep, asked.openings)):
        if not asked.overwrite and own.get(str(path.absolute())) != _digest(path):
            private.check_absent(path)
    if asked.seal_to:
        keys.load_public(asked.seal_to)
        if not asked.keep:
            raise UsageError("--seal-to has nothing to seal.", do="Name the evidence bundle with --keep.", code="SEAL_TO")


def _tidy(asked: Apply) -> None:
    """Staging folders of a run that was killed."""
    for target in (asked.out, _failed(asked.out)):
        remove_stale(target)


def _ended_before(asked: Apply, work: Work) -> Applied | None:
    """The end of a run that was cut off after its folder was in place, and before its work folder was gone."""
    for target in (asked.out, _failed(asked.out)):
        if (signature := _signature(target)) and signature == work.claimed(target):
            return Applied(audit_file.read_any(target / audit_file.AUDIT_FILE).verdict, target)
    return None


def _signature(folder: Path) -> str | None:
    """What tells a signed folder from every other one."""
    return _digest(folder / MODEL_SIGNATURE)


def _digest(file: Path) -> str | None:
    return private.digest(file.read_bytes()) if file.is_file() else None


def _check_room(asked: Apply, base: Opened, work: Work) -> None:
    """Two checkpoints (weights and two moments each) and the candidate; what lies there already needs no more room."""
    weights = sum(p.numel() * p.element_size() for p in base.lm.model.parameters())
    held = sum(file.stat().st_size for file in work.folder.rglob("*") if file.is_file())
    check_target(asked.out, overwrite=True, need=need_bytes(max(0, 7 * weights - held)))


def _nothing_to_do(known: Verdict) -> bool:
    """Nothing was memorised, or no test could show that it was forgotten: training would be time lost."""
    return any(test.outcome is Outcome.NO_SIGNAL for test in known.tests) or not found_base(known.tests)


def _made(asked: Apply, plan: Plan, work: Work, watch: Watch) -> Made:
    stored = work.get("made.json")
    if stored:
        return Made.from_json(stored)
    tokenizer, pairs = plan.base.encoder.tokenizer, plan.parallel.usable()
    tokens = asked.method.made_tokens
    made = make(plan.base.lm, tokenizer, plan.corpus, pairs, asked.samples, tokens, asked.seed, watch.progress)
    work.put("made.json", made.to_json())
    return made


def _failed(out: Path) -> Path:
    return out.with_name(f"{out.name}.failed")


def _keep(run: reporting.Run, work: Work) -> reporting.Kept:
    """The evidence of a pass, sealed or not, and the openings of the commitment: where the user asked for them."""
    asked, digest, sealed_to, commitment = run.asked, None, None, None
    if asked.keep and run.verdict.passed:
        bundle = evidence.pack(reporting.evidence(run))
        digest = private.digest(bundle)
        if asked.seal_to:
            sealed_to = keys.fingerprint(asked.seal_to)
            bundle = sealed.seal(bundle, asked.seal_to)
        _put(asked.keep, bundle, work)
    if asked.openings:
        request = run.plan.request
        records = [commitments.canonical_record(record) for record in request.records]
        commitment, openings = commitments.commit([(f.id, r) for f, r in zip(request.facts, records, strict=True)])
        _put(asked.openings, commitments.to_lines(openings), work)
    return reporting.Kept(digest, sealed_to, commitment)


def _put(path: Path, content: bytes, work: Work) -> None:
    work.claim(path, private.digest(content))
    private.write_private(path, content, overwrite=True)  # _check_ends said that it may be written


def _write(run: reporting.Run, candidate: Path | None, line: Line, work: Work) -> Path:
    """OUT with model and papers, or with papers alone; ``OUT.failed`` where the gate failed.

    Each output is claimed before it gets its name, so that a run that is killed in between can go on.
    """
    asked, passed = run.asked, run.verdict.passed
    target = asked.out if passed else _failed(asked.out)
    kept = _keep(run, work)
    size = sum(file.stat().st_size for file in candidate.rglob("*")) if candidate else 0
    with output_folder(target, need=need_bytes(size), overwrite=asked.overwrite or not passed) as staging:
        output = None
        if passed and candidate:
            for file in candidate.iterdir():
                file.rename(staging / file.name)
            output = model_io.digests(staging)
        former.inherit(line, staging)
        papers.write_papers(
            staging, reporting.compose(run, output, target.name, kept), asked.key, asked.passphrase, asked.certificate
        )
        work.claim(target, str(_signature(staging)))
    return target
