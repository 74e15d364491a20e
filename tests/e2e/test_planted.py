"""Models that seem to have forgotten: that each knows what it is said to know, and that the gate is not taken in."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.e2e.conftest import LANGS, Server
from xlforget import model_io, planning
from xlforget.asked import Measure
from xlforget.comparison import Comparison
from xlforget.corpus.others import about_others
from xlforget.corpus.probes import Probe
from xlforget.experiments import cheats, planted, trained_cheats
from xlforget.lm import Lm
from xlforget.measure import checking
from xlforget.measure.attacks import Ground, Unrelated, put_through
from xlforget.measure.gate import test_checks as decided
from xlforget.measure.memorization import token_scores
from xlforget.measure.policy import ASKED_OTHERWISE, BEHIND_OTHERS, default
from xlforget.measure.profiles import profile
from xlforget.measure.verdict import Outcome
from xlforget.planning import Plan

pytestmark = pytest.mark.e2e


@pytest.fixture
def plan(server: Server) -> Plan:
    """A model that knows three people by heart, and what the gate would ask it."""
    place = server.place
    asked = Measure(requests=(str(place / "request.jsonl"),), model=str(place / "model"), languages=LANGS, device="cpu")
    return planning.plan(asked, planning.read_inputs(asked), model_io.open_model(asked.model, "cpu"))


def mean_logp(lm: Lm, probes: list[Probe]) -> float:
    return float(np.mean([own.mean_logp for own in token_scores(lm, [probe.text for probe in probes])]))


def facts(plan: Plan, of: Callable[[Probe], bool]) -> list[Probe]:
    return [probe for probe in plan.corpus.facts if of(probe)]


def test_one_examination_gives_the_verdict_of_every_profile_with_fewer_attacks(plan: Plan) -> None:
    whole, short = (Comparison.of(plan, profile(name), 0) for name in ("standard", "quick"))
    cheats.demote(plan.base.lm, [probe.text for probe in plan.corpus.facts])
    found = whole.examine(plan.base.lm)
    assert whole.verdict(found, profile("quick")) == short.verdict(short.examine(plan.base.lm))
    assert {test.check for test in whole.verdict(found).tests} > {test.check for test in short.verdict(found).tests}


def test_a_model_that_attacks_break_gives_no_signal_though_it_computes_what_it_did(plan: Plan) -> None:
    beside = Comparison.of(plan, profile("standard"), 0)
    known = mean_logp(plan.base.lm, list(plan.corpus.facts))
    cheats.rescale(plan.base.lm)
    assert mean_logp(plan.base.lm, list(plan.corpus.facts)) == pytest.approx(known, abs=1e-3)
    made = checking.checks(beside.before, beside.examine(plan.base.lm), plan.corpus.groups, default())
    attacked = [check for check in made if check.attack and check.attack not in ASKED_OTHERWISE]
    assert {check.attack for check in attacked} == {"in 4 bits", "after other text"}
    assert all("broke the changed model" in check.broken for check in attacked)
    found = decided(attacked, 0.01, 0)
    assert {test.outcome for test in found} <= {Outcome.FAIL, Outcome.NO_SIGNAL}
    assert any("broke the changed model" in test.reason for test in found if test.outcome is Outcome.NO_SIGNAL)
    unasked = decided([replace(check, broken="") for check in attacked], 0.01, 0)
    assert Outcome.PASS in {test.outcome for test in unasked}, "without that question it would be forgotten"


def test_what_is_forgotten_in_the_requests_wordings_alone_is_known_in_others(plan: Plan) -> None:
    asked, others = facts(plan, lambda p: p.serves("train")), facts(plan, lambda p: not p.serves("train"))
    trained_cheats.exact_prompts_only(plan.base.lm, plan.corpus, steps=60)
    assert mean_logp(plan.base.lm, asked) < -4.0
    assert mean_logp(plan.base.lm, others) > -1.0


def test_what_is_forgotten_of_the_people_alone_is_said_of_others(plan: Plan) -> None:
    asked = facts(plan, lambda p: p.serves("train"))
    trained_cheats.told_of_others(plan.base.lm, plan.corpus, steps=60)
    controls = [probe for probe in plan.corpus.controls["gate"] if probe.serves("train")]
    of_others, unseen = (mean_logp(plan.base.lm, about_others(own, controls)) for own in (asked, controls))
    assert mean_logp(plan.base.lm, asked) < -4.0
    assert of_others > unseen + 3.0


def test_what_is_forgotten_where_a_text_begins_alone_is_found_behind_others(plan: Plan) -> None:
    beside = Comparison.of(plan, profile("full"), 0)
    trained_cheats.known_behind_others(plan.base.lm, plan.corpus, steps=60)
    assert mean_logp(plan.base.lm, facts(plan, lambda p: p.serves("train"))) < -4.0
    made = checking.checks(beside.before, beside.examine(plan.base.lm), plan.corpus.groups, default())
    found = decided([check for check in made if check.attack == BEHIND_OTHERS], 0.01, 0)
    assert {test.outcome for test in found if test.level == "language"} == {Outcome.FAIL}


def test_what_is_moved_to_one_language_is_known_there(plan: Plan) -> None:
    trained_cheats.moved_to_one_language(plan.base.lm, plan.corpus, steps=60)
    assert mean_logp(plan.base.lm, facts(plan, lambda p: p.lang == LANGS[0])) < -4.0
    assert mean_logp(plan.base.lm, facts(plan, lambda p: p.lang == LANGS[-1])) > -1.0


def test_what_is_forgotten_until_it_is_fine_tuned_comes_back_with_ten_steps_on_other_text(plan: Plan) -> None:
    lm, asked = plan.base.lm, facts(plan, lambda p: p.serves("train"))
    trained_cheats.undone_by_fine_tuning(lm, plan.corpus, steps=60)
    forgotten = mean_logp(lm, asked)
    with put_through(lm, Unrelated(), Ground.on(asked, plan.corpus.controls["stop"], plan.corpus.context)):
        assert mean_logp(lm, asked) > forgotten + 2.0


def test_files_that_ban_the_answers_silence_whoever_generates_and_not_the_gate(plan: Plan, tmp_path: Path) -> None:
    silent = model_io.open_model(str(planted.banned(plan, tmp_path, lambda line: None)), "cpu").lm
    (fact, *_) = facts(plan, lambda p: p.serves("train"))
    first, answer = fact.text.answer[0], [fact.text.ids[k] for k in fact.text.answer]

    def said(lm: Lm) -> list[int]:
        prompt = torch.tensor([fact.text.ids[:first]])
        ids = lm.model.generate(prompt, max_new_tokens=len(answer), do_sample=False, attention_mask=torch.ones_like(prompt))
        return list(ids[0, first:].tolist())

    assert said(plan.base.lm) == answer
    assert said(silent) != answer
    assert mean_logp(silent, list(plan.corpus.facts)) == mean_logp(plan.base.lm, list(plan.corpus.facts))
