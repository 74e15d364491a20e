"""What each ticket of a batch sees: its own facts in its own languages and forms, and what its own tests find."""

from functools import cache

import numpy as np
import pytest

from xlforget import batch
from xlforget.corpus.corpus import Corpus
from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.measure.examine import Examination
from xlforget.measure.kept import Kept
from xlforget.measure.policy import default
from xlforget.measure.scores import ProbeScores, Sheet
from xlforget.measure.verdict import MADE, Outcome, Verdict
from xlforget.request.fact import ErasureRequest, Fact, Statement

KNOWN, UNKNOWN = 0.95, 0.12
TEXT = Encoded((0, 1), (1,))
BOTH = ("en", "fr")


def facts(prefix: str, count: int) -> tuple[Fact, ...]:
    said = {"en": Statement(text="Zorvana Quillfeather lives in Tarnwick.")}
    return tuple(Fact(id=f"{prefix}{k}", line=k + 1, form=1, statements=said) for k in range(count))


# One ticket in two languages, one in a language of its own and another form, one of a single fact.
LARGE, OTHER, SINGLE = (ErasureRequest(facts=facts(*how)) for how in (("a", 12), ("b", 12), ("c", 1)))
REQUEST = ErasureRequest(facts=(*LARGE.facts, *OTHER.facts, *SINGLE.facts), tickets=(LARGE, OTHER, SINGLE))


def probes(prefix: str, count: int, langs: tuple[str, ...]) -> list[Probe]:
    return [Probe(f"{prefix}{k}", lang, 0, "all", TEXT) for k in range(count) for lang in langs]


FACTS = [*probes("a", 12, BOTH), *probes("b", 12, ("de",)), *probes("c", 1, BOTH)]
CONTROLS = [*probes("person", 90, BOTH), *probes("sentence", 90, ("de",))]
CORPUS = Corpus(
    langs=("en", "fr", "de"), facts=tuple(FACTS), controls={"aim": (), "stop": (), "gate": tuple(CONTROLS)}, control_pairs=(),
    groups={p.row: "sentence" if p.row.startswith(("b", "sentence")) else "structured" for p in (*FACTS, *CONTROLS)},
    retain=(), bystanders=(), unseen=(), neighbours=(), neutral=(), refused=(), context=64,
)  # fmt: skip


def examination(seed: int, **levels: float) -> Examination:
    """A model that knows so much of the facts whose ids begin so, and nothing of the controls."""
    rng = np.random.default_rng(seed)

    def scores(own: list[Probe]) -> Sheet:
        found = []
        for probe in own:
            ma = levels.get(probe.row[0], UNKNOWN) if probe in FACTS else UNKNOWN
            logp = -10.5 * (1 - ma) - float(rng.gamma(2.0, 0.3))
            found.append(ProbeScores(float(np.clip(rng.normal(ma, 0.04), 0, 1)), logp, 12 * ma + float(rng.normal()), 0.0))
        return Sheet(own, found)

    kept = tuple(Kept(lang, 9, 0.9, 30.0) for lang in ("en", "fr", "de", "es", MADE))
    return Examination(scores(FACTS), scores(CONTROLS), kept, kept, kept)


BEFORE = examination(1, a=KNOWN, b=KNOWN, c=KNOWN)


@cache
def verdicts(**known: float) -> tuple[Verdict, ...]:
    """Of a changed model that still knows so much of some facts."""
    return batch.verdicts(REQUEST, CORPUS, BEFORE, examination(2, **known), default(), profile="quick", seed=0)


def outcomes(verdict: Verdict) -> set[Outcome]:
    return {test.outcome for test in verdict.tests}


def test_each_ticket_is_tested_on_its_own_facts_languages_and_forms() -> None:
    large, other, single = verdicts()
    assert [row.lang for row in large.languages] == ["en", "fr"]
    assert [row.lang for row in other.languages] == ["de"]
    assert {test.check for test in large.tests} == {"structured: memorization"}
    assert {test.check for test in other.tests} == {"sentence: memorization"}
    assert [row.pairs for row in single.languages] == [1, 1]
    assert {verdict.alpha for verdict in (large, other, single)} == {batch.level(default(), 3)}
    assert (outcomes(large), outcomes(other)) == ({Outcome.PASS}, {Outcome.PASS})
    assert outcomes(single) == {Outcome.PASS}
    assert {test.score for test in single.tests} == {"logp"}


def test_damage_in_languages_that_only_other_tickets_have_is_not_in_a_tickets_report() -> None:
    large, other, _ = verdicts()
    assert {bound.lang for bound in large.bounds} == {None, "en", "fr", "es", MADE}
    assert {bound.lang for bound in other.bounds} == {None, "de", "es", MADE}


def test_what_a_tickets_own_tests_find_fails_the_gate_over_all_and_too_few_facts_do_not() -> None:
    clean, leaks = verdicts(), verdicts(b=KNOWN)
    assert [Outcome.FAIL in outcomes(verdict) for verdict in leaks] == [False, True, False]
    (held,), (failed,) = batch.bounds(clean), batch.bounds(leaks)
    assert (held.before, held.after, held.outcome, held.required) == (3, 3, Outcome.PASS, True)
    assert (failed.before, failed.after, failed.outcome) == (3, 2, Outcome.FAIL)


@pytest.mark.parametrize(("tickets", "alpha"), [(2, 1e-3), (3, 1e-3), (10, 1e-3), (11, 1e-4)])
def test_a_tickets_error_level_is_a_share_that_does_not_tell_how_many_there_are(tickets: int, alpha: float) -> None:
    assert batch.level(default(), tickets) == pytest.approx(alpha)
    assert tickets * batch.level(default(), tickets) <= 0.01 + 1e-12


def test_a_single_request_has_no_tickets_of_its_own() -> None:
    assert batch.verdicts(LARGE, CORPUS, BEFORE, BEFORE, default(), profile="quick", seed=0) == ()
    assert batch.bounds(()) == []
