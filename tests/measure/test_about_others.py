"""Answers asked about others, at the gate: where that decides, where it says nothing, and that training waits for it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from xlforget.corpus.controls import OTHER, Split
from xlforget.corpus.corpus import Corpus
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.others import about_others
from xlforget.corpus.probes import Probe
from xlforget.errors import RequestError
from xlforget.experiments.small_model import memorise, new_model
from xlforget.lm import Lm
from xlforget.measure import examine
from xlforget.measure.attacks import ATTACKS, Ground, put_through
from xlforget.measure.broken import Attacked
from xlforget.measure.check import Check, Sheets
from xlforget.measure.checking import NOBODYS, checks
from xlforget.measure.examine import Examination, asked_after
from xlforget.measure.gate import gate
from xlforget.measure.held import hold
from xlforget.measure.judge import judge
from xlforget.measure.likeliest import likeliest
from xlforget.measure.policy import ABOUT_OTHERS, Policy, parse
from xlforget.measure.profiles import profile
from xlforget.measure.scores import ProbeScores, Sheet
from xlforget.measure.stop import StopRule
from xlforget.measure.verdict import Outcome, Verdict

TEXT, LANGS, CHECK = Encoded((0, 1), (1,)), ("en", "fr"), f"structured: {ABOUT_OTHERS}"
FACTS, CONTROLS = 8, 60
# What decides here, so that other attacks need not be made.
ALONE = parse(
    b'name = "own"\nalpha = 0.01\n[tests.memorization]\nrequired = ["structured"]\nmay-lack = ["margin"]\n'
    b'[tests.asked-about-others]\nrequired = ["structured"]\nalways = true\n',
    "own.toml",
)


def sheet(prefix: str, count: int, logp: float, relations: tuple[str, ...], seed: int = 0) -> Sheet:
    rows = [(f"{prefix}{k}", relations[k % len(relations)]) for k in range(count)]
    probes = [Probe(row, lang, 0, "all", TEXT, relation=relation) for row, relation in rows for lang in LANGS]
    drawn = np.random.default_rng(seed + len(prefix) + count).normal(logp, 0.5, len(probes))
    return Sheet(probes, [ProbeScores(1.0 if logp > -1 else 0.1, min(-0.001, float(v)), float("nan"), 0.0) for v in drawn])


def model(own: float, others: float, relations: tuple[str, ...] = ("phone_number",), shared: float | None = None) -> Examination:
    """A model with log-probability ``own`` of the facts where they are asked for, and ``others`` where others are asked about;
    ``shared``: of answers that are not one person's alone."""
    unseen = sheet("c", CONTROLS, -9.0, relations)
    asked = sheet("f", FACTS, others, relations)
    if shared is not None:
        other = sheet("f", FACTS, shared, relations)
        scores = [o if p.relation == "employer" else a for p, a, o in zip(asked.probes, asked.scores, other.scores, strict=True)]
        asked = Sheet(asked.probes, scores)
    attacked: dict[str, Attacked] = {ABOUT_OTHERS: Attacked(Sheets(asked, sheet("c", CONTROLS, -9.0, relations, seed=1)), {})}
    return Examination(sheet("f", FACTS, own, relations), unseen, (), (), (), attacked)


def compared(base: Examination, edited: Examination, policy: Policy = ALONE) -> list[Check]:
    return checks(base, edited, {p.row: "structured" for p in (*base.facts.probes, *base.controls.probes)}, policy)


def verdict(base: Examination, edited: Examination, policy: Policy = ALONE) -> Verdict:
    found = gate(compared(base, edited, policy), [], policy, profile="standard", power=False)
    assert judge(found).problems == ()
    assert judge(found).passed == found.passed
    return found


def outcomes(found: Verdict) -> set[Outcome]:
    return {test.outcome for test in found.tests if test.check == CHECK}


def test_a_model_that_tells_others_what_it_no_longer_says_of_the_person_does_not_pass() -> None:
    found = verdict(model(-0.1, -0.5), model(-9.0, -4.0))
    assert not found.passed
    assert Outcome.FAIL in outcomes(found)
    assert {test.outcome for test in found.tests if test.check != CHECK and test.units} == {Outcome.PASS}
    assert verdict(model(-0.1, -0.5), model(-9.0, -9.0)).passed


def test_a_model_that_told_nobody_else_before_has_nothing_to_forget_there() -> None:
    found = verdict(model(-0.1, -9.0), model(-9.0, -9.0))
    assert found.passed
    assert outcomes(found) == {Outcome.NOT_APPLICABLE}


def test_an_answer_that_may_be_true_of_others_is_not_tested() -> None:
    both = ("phone_number", "employer")
    found = verdict(model(-0.1, -0.5, both), model(-9.0, -9.0, both, shared=-0.5))
    assert found.passed
    assert {test.units for test in found.tests if test.check == CHECK and test.level == "fact"} == {FACTS // 2}


def test_a_request_of_such_answers_alone_passes_without_it_and_says_why() -> None:
    base, edited = (model(own, others, ("employer",)) for own, others in ((-0.1, -0.5), (-9.0, -0.5)))
    found = verdict(base, edited)
    assert found.passed
    assert {(test.outcome, test.reason, test.units) for test in found.tests if test.check == CHECK} == {
        (Outcome.NOT_APPLICABLE, NOBODYS, 0)
    }
    assert hold(found, ALONE).passed
    silent = found.model_copy(
        update={"tests": tuple(t.model_copy(update={"reason": ""}) if t.check == CHECK else t for t in found.tests)}
    )
    assert not judge(silent).passed


def test_a_language_in_which_no_such_answer_stands_is_none_of_the_check() -> None:
    both = ("phone_number", "employer")
    base, edited = model(-0.1, -0.5, both), model(-9.0, -9.0, both)

    def in_english(own: Sheet) -> Sheet:
        kept = [k for k, p in enumerate(own.probes) if p.lang == "en" or p.relation == "employer"]
        return Sheet([own.probes[k] for k in kept], [own.scores[k] for k in kept])

    def less(own: Examination) -> Examination:
        asked = own.attacked[ABOUT_OTHERS].sheets
        attacked: dict[str, Attacked] = {ABOUT_OTHERS: Attacked(Sheets(in_english(asked.facts), asked.controls), {})}
        return replace(own, facts=in_english(own.facts), attacked=attacked)

    found = verdict(less(base), less(edited))
    assert found.passed
    assert {test.lang for test in found.tests if test.check == CHECK} == {"en", None}
    assert hold(found, ALONE).passed


def test_where_one_fact_could_not_be_asked_about_anybody_the_check_is_not_run() -> None:
    base, edited = model(-0.1, -0.5), model(-9.0, -9.0)

    def less(own: Examination) -> Examination:
        asked = own.attacked[ABOUT_OTHERS].sheets
        rows = {p.row for p in asked.facts.probes} - {"f3"}
        return replace(own, attacked={ABOUT_OTHERS: Attacked(Sheets(asked.facts.only(rows), asked.controls), {})})

    found = verdict(less(base), less(edited))
    assert not found.passed
    assert outcomes(found) == {Outcome.NOT_RUN}


def test_a_model_that_tells_others_and_not_the_person_has_not_memorised_nothing() -> None:
    """Such a model once came out of erasure."""
    tells = model(-9.0, -0.5)
    found = verdict(tells, tells)
    assert not found.nothing_memorised
    assert not found.passed
    assert not hold(found, ALONE).passed


@pytest.mark.parametrize("form", ["answer", "sentence"])
def test_a_policy_cannot_ask_for_it_where_nobody_knows_whom_a_text_is_about(form: str) -> None:
    with pytest.raises(RequestError):
        parse(f'name = "own"\nalpha = 0.01\n[tests.asked-about-others]\nrequired = ["{form}"]\n'.encode(), "own.toml")


def test_people_who_are_there_to_be_asked_about_are_no_controls_of_the_facts_as_they_stand() -> None:
    def with_more(own: Examination) -> Examination:
        more = sheet(OTHER, 20, -9.0, ("phone_number",))
        controls = Sheet([*own.controls.probes, *more.probes], [*own.controls.scores, *more.scores])
        asked = own.attacked[ABOUT_OTHERS].sheets
        both = Sheet([*asked.controls.probes, *more.probes], [*asked.controls.scores, *more.scores])
        return replace(own, controls=controls, attacked={ABOUT_OTHERS: Attacked(Sheets(asked.facts, both), {})})

    base, edited = with_more(model(-0.1, -0.5)), with_more(model(-9.0, -9.0))
    groups = {p.row: "others" if p.row.startswith(OTHER) else "structured" for p in (*base.facts.probes, *base.controls.probes)}
    found = {check.name: len(check.edited.controls.rows()) for check in checks(base, edited, groups, ALONE)}
    assert found == {"structured: memorization": CONTROLS, CHECK: CONTROLS + 20}
    unlike = Ground.on((), [replace(probe, relation="phone_number") for probe in base.controls.probes], 64)
    assert len(unlike.others) == len(LANGS) * CONTROLS, "an attack trains on what the facts' relations are"


def test_where_nobody_could_be_asked_about_it_is_not_run() -> None:
    base, edited = (replace(own, attacked={}) for own in (model(-0.1, -0.5), model(-9.0, -9.0)))
    found = verdict(base, edited)
    assert not found.passed
    assert outcomes(found) == {Outcome.NOT_RUN}


def test_the_likeliest_answer_says_whether_it_is_said_of_anybody() -> None:
    tells, silent = (likeliest(compared(model(-0.1, -0.5), model(-6.0, others))) for others in (-0.1, -14.0))
    assert tells is not None
    assert silent is not None
    assert (tells.of_anybody, silent.of_anybody) == (True, False)
    base, edited = (replace(own, attacked={}) for own in (model(-0.1, -0.5), model(-6.0, -0.1)))
    quick = likeliest(compared(base, edited))
    assert quick is not None
    assert quick.of_anybody is None


FIRST = ("Zorvana", "Tamsin", "Pellam", "Oxgrove", "Wimble")
LAST = ("Quill", "Thistle", "Marrow", "Corvin", "Fennel", "Larch", "Vell")


@pytest.fixture(scope="module")
def corpus(encoder: Encoder) -> Corpus:
    """Four people's numbers, and those of ten or eleven people of each split."""
    probes = []
    for k, who in enumerate(f"{one} {other}" for one in FIRST for other in LAST):
        number, before = f"ZZ-{(k * 7919 + 1234) % 9000 + 1000}", f"{who} keeps bees; the number is "
        text = encoder.encode(f"{before}{number}.", (len(before), len(before) + len(number)))
        probes.append(Probe(f"r{k}", "en", 0, "all", text, relation="id_number"))
    splits: dict[Split, tuple[Probe, ...]] = {
        "aim": tuple(probes[4:14]),
        "stop": tuple(probes[14:24]),
        "gate": tuple(probes[24:]),
    }
    groups = {probe.row: "structured" for probe in probes}
    return Corpus(("en",), tuple(probes[:4]), splits, (), groups, (), (), (), (), (), (), 64)


def taught(tokenizer: object, *texts: Sequence[Probe]) -> Lm:
    """A model that knows these texts by heart."""
    model = new_model(tokenizer, layers=2, width=64, seed=0)  # type: ignore[arg-type]
    memorise(model, [probe.text for own in texts for probe in own] * 8, epochs=25, lr=5e-3)
    return Lm(model.eval())


def test_it_asks_the_model_as_it_is_and_each_control_about_another(corpus: Corpus, new_lm: Callable[[int], Lm]) -> None:
    lm, attack = new_lm(3), ATTACKS[ABOUT_OTHERS]
    ground, controls = Ground.on(corpus.facts, corpus.controls["stop"], 64), corpus.controls["gate"]
    weights = [own.detach().clone() for own in lm.model.parameters()]
    with put_through(lm, attack, ground) as same:
        assert all((one == other).all() for one, other in zip(weights, same.model.parameters(), strict=True))
    facts, unseen = asked_after(attack, ground, controls)
    assert facts == about_others(corpus.facts, controls)
    assert unseen == about_others(controls, controls)
    found = examine.after_attacks(lm, ground, controls, profile("standard"))[ABOUT_OTHERS]
    assert found.costs == {}
    assert [probe.text for probe in found.sheets.facts.probes] == [probe.text for probe in facts]


def test_training_goes_on_while_others_are_told(tokenizer: object, corpus: Corpus) -> None:
    told = about_others(corpus.facts, corpus.controls["aim"], 4)
    base, tells, gold = (
        taught(tokenizer, *texts) for texts in ((corpus.facts, told), (told,), (corpus.controls["aim"], corpus.controls["aim"]))
    )
    before = examine.examine(base, corpus, corpus.controls["gate"])
    before = replace(before, attacked=examine.attacked(base, corpus, profile("standard")))
    rule = StopRule.of(base, corpus, before, ALONE, profile("standard"), ())
    quick = StopRule.of(base, corpus, before, ALONE, profile("quick"), ())
    assert (rule.reached(base), quick.reached(base)) == (False, False)
    assert (rule.reached(gold), quick.reached(gold)) == (True, True)
    assert not rule.reached(tells)
