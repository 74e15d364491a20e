"""The straight line: request, parallel set, tokens, unlearning, measurement, verdict, audit, signed model folder."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from xlforget import alone, batch, former, model_io, output, planning, reporting
from xlforget.artifact import audit
from xlforget.asked import Apply
from xlforget.errors import MachineError
from xlforget.former import Line
from xlforget.measure import examine as measure
from xlforget.measure.gate import gate
from xlforget.measure.judge import found_base
from xlforget.measure.stop import stop_rule
from xlforget.measure.verdict import Bound, Outcome, Verdict
from xlforget.output import Applied
from xlforget.planning import Plan
from xlforget.reporting import Before
from xlforget.unlearn.engine import Round
from xlforget.unlearn.made import Made, make
from xlforget.unlearn.memory import check_backends
from xlforget.unlearn.teaching import Source
from xlforget.unlearn.unlearn import unlearn
from xlforget.work import Work

PROFILE = "quick"


class Watch(Protocol):
    """What a run tells whoever looks on. Names, counts and figures only."""

    def stage(self, name: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...

    def round(self, seen: Round) -> None: ...

    def candidate(self, folder: Path) -> None:
        """The changed model as it stands on disk, before it is judged; it goes on to OUT or is gone afterwards."""
        ...


def apply(asked: Apply, watch: Watch) -> Applied:
    """Forget the request's facts and write the signed model, or a signed report of why there is none.

    Raises UsageError (2), IntegrityError (3) or MachineError (4); a failed gate is a verdict, not an error.
    """
    alone.refuse(asked)
    output.check(asked)
    check_backends(asked.memory)
    with Work(asked.out) as work:
        inputs = planning.read_inputs(asked)
        watch.stage("opening the model")
        line = former.line_of(asked)
        teacher = planning.find_teacher(asked)
        base = model_io.open_model(asked.model, asked.device)
        work.tie(planning.fingerprint(asked, inputs, base, teacher), fresh=asked.fresh)
        applied = output.ended_before(asked, work)
        if not applied:
            plan = planning.plan(asked, inputs, base, work.path("parallel.jsonl"), watch.stage, watch.progress, teacher)
            applied = _forget(plan.sized(asked), plan, line, work, watch)
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
    output.check_room(asked, plan, work)
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
        source = Source(base.files, base.encoder.tokenizer, plan.teacher, watch.stage, watch.progress)
        unlearned = unlearn(base.lm, corpus, made, asked.method, asked.seed, work.folder, done, watch.round, source, asked.memory)
        seconds = time.monotonic() - began
        watch.stage("measuring the files that were written")
        candidate = work.fresh("candidate")
        model_io.save(base.lm, base.folder, candidate)
        watch.candidate(candidate)
        changed = model_io.reopen(candidate, asked.device)
        after = measure.examine(changed, corpus, verdict_controls, made.held_out)
        formers, earlier = former.still_hold(changed, base.encoder, line)
    checks = measure.checks(before, after, corpus.groups)
    own = batch.verdicts(plan.request, corpus, before, after, profile=PROFILE, seed=asked.seed)
    bounds = [*measure.bounds(before, after), *earlier, *batch.bounds(own)]
    verdict = gate(checks, bounds, profile=PROFILE, seed=asked.seed)
    live = unlearned.warnings if unlearned else ()
    verdict = verdict.model_copy(update={"warnings": (*verdict.warnings, *line.warnings(), *live)})
    watch.stage("writing the papers")
    run = reporting.Run(
        plan, asked, made, unlearned, seconds, before, after, checks, verdict, Before(line.parent, tuple(formers)), own
    )
    return Applied(verdict, output.write(run, candidate, line, work), asked.tickets if own else ())


def _nothing_to_do(known: Verdict) -> bool:
    """Nothing was memorised, or no test could show that it was forgotten: training would be time lost."""
    return any(test.outcome is Outcome.NO_SIGNAL for test in known.tests) or not found_base(known.tests)


def _made(asked: Apply, plan: Plan, work: Work, watch: Watch) -> Made:
    stored = work.get("made.json")
    if stored:
        return Made.from_json(stored)
    tokenizer, pairs = plan.base.encoder.tokenizer, plan.parallel.usable()
    tokens = asked.method.made_tokens(given=bool(plan.corpus.retain))
    made = make(plan.base.lm, tokenizer, plan.corpus, pairs, asked.samples, tokens, asked.seed, watch.progress)
    work.put("made.json", made.to_json())
    return made
