"""The straight line: request, parallel set, tokens, unlearning, measurement, verdict, audit, signed model folder."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from xlforget import alone, batch, elsewhere, former, model_io, output, planning, reporting
from xlforget.artifact import audit
from xlforget.asked import Apply, Measure
from xlforget.comparison import Comparison, compared, examined, stays_of
from xlforget.corpus.corpus import Text
from xlforget.errors import MachineError
from xlforget.former import Line
from xlforget.lm import Lm
from xlforget.measure import checking, examine
from xlforget.measure.check import required
from xlforget.measure.examine import Examination
from xlforget.measure.gate import gate
from xlforget.measure.judge import found_base
from xlforget.measure.profiles import Profile, profile
from xlforget.measure.stop import StopRule
from xlforget.measure.verdict import Bound, Outcome, Verdict
from xlforget.output import Applied
from xlforget.planning import Plan
from xlforget.reporting import Before
from xlforget.unlearn import memory
from xlforget.unlearn.engine import Round
from xlforget.unlearn.made import Made, make
from xlforget.unlearn.teaching import Source
from xlforget.unlearn.unlearn import unlearn
from xlforget.work import Work, temporary_files


class Looking(Protocol):
    """What a measurement tells whoever looks on. Names and counts only."""

    def stage(self, name: str) -> None: ...

    def progress(self, done: int, total: int) -> None: ...


class Watch(Looking, Protocol):
    """What a run tells whoever looks on. Names, counts and figures only."""

    def round(self, seen: Round) -> None: ...

    def candidate(self, folder: Path) -> None:
        """The changed model as it stands on disk, before it is judged; it goes on to OUT or is gone afterwards."""
        ...


def apply(asked: Apply, watch: Watch) -> Applied:
    """Forget the request's facts and write the signed model, or a signed report of why there is none.

    Raises UsageError (2), IntegrityError (3) or MachineError (4); a failed gate is a verdict, not an error.
    """
    alone.refuse(asked)
    profile(asked.profile)
    output.check(asked)
    memory.check(asked.memory, asked.method)
    with Work(asked.out) as work:
        inputs = planning.read_inputs(asked)
        watch.stage("opening the model")
        line = former.line_of(asked)
        teacher = planning.find_teacher(asked)
        base = model_io.open_model(asked.model, asked.device)
        work.tie(planning.fingerprint(asked, inputs, base, teacher), fresh=asked.fresh)
        applied = output.ended_before(asked, work)
        if not applied:
            plan = planning.plan(asked, inputs, base, work.path("parallel.jsonl"), watch.stage, watch.progress)
            plan = planning.taught(asked, plan, teacher)
            applied = _forget(plan.sized(asked), plan, line, work, watch)
        if not work.remove():
            raise MachineError(
                f"The work folder beside {asked.out.name} could not be removed; it holds personal data.",
                do="Remove it: xlforget clean OUT.",
                code="WORK_LEFT",
            )
    return applied


def measure(asked: Measure, watch: Looking) -> Verdict:
    """What the model knows of the request; with ``asked.base``, whether it passes the gate, whoever changed it.

    Without a base the model is tested against itself: what the tests find of the facts, before anything is done, fails.
    Raises UsageError (2), IntegrityError (3) or MachineError (4).
    """
    tested = profile(asked.profile)
    with temporary_files():
        inputs = planning.read_inputs(asked)
        watch.stage("opening the model" if not asked.base else "opening the models")
        model = model_io.open_model(asked.model, asked.device)
        base = model_io.open_model(asked.base, asked.device) if asked.base else model
        plan = planning.plan(asked, inputs, base, say=watch.stage, progress=watch.progress)
        if not asked.base:
            watch.stage("measuring what the model knows")
            known = _known(_as_it_is(model.lm, plan, tested), plan, asked.seed)
            return _warned(known, elsewhere.warnings(model.lm, plan, asked.seed))
        planning.check_alike(asked, inputs, plan, model)
        watch.stage("measuring what the model before knew")
        beside = Comparison.of(plan, tested, asked.seed)
        watch.stage("measuring what the model knows")
        verdict = beside.verdict(beside.examine(model.lm))
        return _warned(verdict, elsewhere.warnings(model.lm, plan, asked.seed)) if tested.elsewhere else verdict


def _forget(asked: Apply, plan: Plan, line: Line, work: Work, watch: Watch) -> Applied:
    base, corpus, tested = plan.base, plan.corpus, profile(asked.profile)
    output.check_room(asked, plan, work)
    watch.stage("measuring what the model knows")
    before = after = _as_it_is(base.lm, plan, tested)
    known = _known(before, plan, asked.seed)
    made = unlearned = candidate = None
    changed = base.lm
    seconds = 0.0
    formers: list[audit.Former] = []
    earlier: list[Bound] = []
    stays: tuple[Text, ...] = ()
    if not _nothing_to_do(known):
        watch.stage("sampling text that must stay")
        made = _made(asked, plan, work, watch)
        stays = stays_of(base.lm, plan, tested, asked.seed)
        before = replace(
            before,
            bystanders=examine.bystanders(base.lm, corpus, made.held_out),
            attacked=examine.attacked(base.lm, corpus, tested, stays),
        )
        stop = StopRule.of(base.lm, corpus, before, plan.policy, tested, stays)
        watch.stage("unlearning")
        began = time.monotonic()
        source = Source(base.files, base.encoder.tokenizer, plan.teacher, watch.stage, watch.progress)
        unlearned = unlearn(
            base.lm, corpus, made, asked.method, asked.seed, work.folder, stop.reached, watch.round, source, asked.memory,
            lambda lm: _told(stop.comes_back(lm), watch),
        )  # fmt: skip
        seconds = time.monotonic() - began
        watch.stage("measuring the files that were written")
        candidate = work.fresh("candidate")
        model_io.save(base.lm, base.folder, candidate)
        watch.candidate(candidate)
        changed = model_io.reopen(candidate, asked.device)
        after = examined(changed, plan, tested, stays, made.held_out)
        formers, earlier = former.still_hold(changed, base.encoder, line)
    checks, damage = compared(before, after, plan)
    own = batch.verdicts(plan.request, corpus, before, after, plan.policy, profile=tested.name, seed=asked.seed)
    verdict = gate(checks, [*damage, *earlier, *batch.bounds(own)], plan.policy, profile=tested.name, seed=asked.seed)
    beyond = elsewhere.warnings(changed, plan, asked.seed) if tested.elsewhere else ()
    verdict = _warned(verdict, (*plan.warnings, *line.warnings(), *(unlearned.warnings if unlearned else ()), *beyond))
    watch.stage("writing the papers")
    run = reporting.Run(
        plan,
        asked,
        made,
        unlearned,
        seconds,
        before,
        after,
        checks,
        verdict,
        Before(line.parent, tuple(formers)),
        own,
        stays=stays,
    )
    return Applied(verdict, output.write(run, candidate, line, work), asked.tickets if own else ())


def _warned(verdict: Verdict, warnings: Sequence[str]) -> Verdict:
    return verdict.model_copy(update={"warnings": (*verdict.warnings, *warnings)})


def _told(comes_back: bool, watch: Watch) -> bool:
    if comes_back:
        watch.stage("other text brings the facts back: going on against that")
    return comes_back


def _as_it_is(lm: Lm, plan: Plan, tested: Profile) -> Examination:
    """The model before anything is done, asked in all the ways of the profile that leave it as it is."""
    found = examine.examine(lm, plan.corpus, plan.corpus.controls["gate"])
    return replace(found, attacked=examine.attacked(lm, plan.corpus, tested.unchanged))


def _known(before: Examination, plan: Plan, seed: int) -> Verdict:
    """The gate on the model as it is: what the tests find of the facts is known, and fails."""
    made = required(checking.checks(before, before, plan.corpus.groups, plan.policy))
    checks = [own for own in made if own.attack is None or own.attack in before.attacked]
    return gate(checks, [], plan.policy, profile="quick", seed=seed, power=False)


def _nothing_to_do(known: Verdict) -> bool:
    """Nothing was memorised, or no test could show that it was forgotten: training would be time lost."""
    return any(test.outcome is Outcome.NO_SIGNAL for test in known.tests) or not found_base(known.tests)


def _made(asked: Apply, plan: Plan, work: Work, watch: Watch) -> Made:
    stored = work.get("made.json")
    if stored:
        return Made.from_json(stored)
    method, pairs = asked.method, plan.parallel.usable()
    tokens = method.made_tokens(given=bool(plan.corpus.retain))
    made = make(
        plan.base.lm, plan.base.encoder, plan.corpus, pairs, asked.samples, tokens, method.told, asked.seed, watch.progress
    )
    work.put("made.json", made.to_json())
    return made
