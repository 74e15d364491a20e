"""Several requests in one run: the gate is over all facts, where the power is; each ticket has a report of its own facts.

What a ticket's own tests find fails the gate for all; that its facts are too few to tell does not.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from xlforget.artifact import audit
from xlforget.corpus.corpus import Corpus
from xlforget.measure import checking
from xlforget.measure import examine as measure
from xlforget.measure.examine import Examination
from xlforget.measure.gate import gate
from xlforget.measure.judge import decide_bound, ratio
from xlforget.measure.policy import Policy
from xlforget.measure.verdict import Bound, Outcome, Verdict
from xlforget.reporting import Before, Run
from xlforget.request.fact import ErasureRequest


def verdicts(
    request: ErasureRequest, corpus: Corpus, before: Examination, after: Examination, policy: Policy, *, profile: str, seed: int
) -> tuple[Verdict, ...]:
    """What the same pairs say of each ticket alone; () where the request is one."""
    found = []
    for ticket in request.tickets:
        was, now = _of(ticket, corpus, before), _of(ticket, corpus, after)
        # Damage is the model's, and is judged over all: a ticket's languages are a part of it.
        damage = [bound.model_copy(update={"required": False}) for bound in measure.bounds(was, now, policy)]
        checks = checking.checks(was, now, corpus.groups, policy)
        alpha = level(policy, len(request.tickets))
        found.append(gate(checks, damage, policy, profile=profile, alpha=alpha, seed=seed))
    return tuple(found)


def level(policy: Policy, tickets: int) -> float:
    """The error level of each ticket's own tests: all together have at most the gate's, and it does not tell how many."""
    return policy.alpha / 10.0 ** math.ceil(math.log10(tickets))


def bounds(own: Sequence[Verdict]) -> list[Bound]:
    """For the gate over all: no ticket of which its own tests find something."""
    if not own:
        return []
    clean = sum(all(test.outcome is not Outcome.FAIL for test in verdict.tests) for verdict in own)
    outcome, reason = decide_bound(len(own), clean, 1.0, "at least")
    return [
        Bound(
            check=audit.TICKETS, name="tickets of which nothing is found", lang=None, before=len(own), after=clean,
            ratio=ratio(len(own), clean), bound=1.0, direction="at least", required=True, outcome=outcome, reason=reason,
        )
    ]  # fmt: skip


def each(run: Run) -> list[Run]:
    """The run as each ticket's report sees it: its own facts, and nothing about the others."""
    tickets = zip(run.asked.tickets, run.plan.request.tickets, run.own, strict=True) if run.own else ()
    return [_seen_by(name, request, verdict, run) for name, request, verdict in tickets]


def _seen_by(name: str, request: ErasureRequest, verdict: Verdict, run: Run) -> Run:
    before, after = (_of(request, run.corpus, examination) for examination in (run.before, run.after))
    parallel = run.plan.parallel.only({fact.id for fact in request.facts})
    return replace(
        run,
        plan=replace(run.plan, request=request, parallel=parallel, corpus=_corpus(request, run.corpus)),
        asked=replace(run.asked, tickets=(name,)),
        before=before,
        after=after,
        checks=checking.checks(before, after, run.corpus.groups, run.plan.policy),
        verdict=verdict,
        tickets=Before(),
        own=(),
        batch=audit.Batch(gate=audit.result_of(run.verdict), smallest_leak=run.verdict.smallest_leak),
    )


def _of(ticket: ErasureRequest, corpus: Corpus, examination: Examination) -> Examination:
    own = _corpus(ticket, corpus)
    return examination.only({fact.id for fact in ticket.facts}, set(corpus.langs) - set(own.langs))


def _corpus(ticket: ErasureRequest, corpus: Corpus) -> Corpus:
    """Its facts, and the controls and texts of their languages and forms."""
    rows = {fact.id for fact in ticket.facts}
    facts = tuple(probe for probe in corpus.facts if probe.row in rows)
    langs, forms = {probe.lang for probe in facts}, {corpus.groups[probe.row] for probe in facts}
    others = set(corpus.langs) - langs
    return replace(
        corpus,
        langs=tuple(lang for lang in corpus.langs if lang in langs),
        facts=facts,
        controls={
            split: tuple(p for p in probes if p.lang in langs and corpus.groups[p.row] in forms)
            for split, probes in corpus.controls.items()
        },
        retain=tuple(text for text in corpus.retain if text.lang not in others),
        bystanders=tuple(text for text in corpus.bystanders if text.lang not in others),
        unseen=tuple(text for text in corpus.unseen if text.lang not in others),
        refused=tuple(one for one in corpus.refused if one.row in rows),
    )
