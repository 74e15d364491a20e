"""The answer that samples are likeliest to hold, and what it stands beside."""

import math
from collections.abc import Mapping
from dataclasses import replace

from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.measure.check import Check, Sheets
from xlforget.measure.likeliest import likeliest
from xlforget.measure.scores import ProbeScores, Sheet

TEXT = Encoded((0, 1), (1,))
Said = Mapping[tuple[str, str, str], float]
PHONE, NAME = "phone_number", "employer"


def sheet(chances: Said) -> Sheet:
    """``chances``: by row, language and relation, the probability of the answer."""
    probes = [Probe(row, lang, 0, "all", TEXT, relation=relation) for row, lang, relation in chances]
    return Sheet(probes, [ProbeScores(0.0, math.log(p), 0.0, 0.0) for p in chances.values()])


def check(facts: Said, controls: Said, attack: str | None = None) -> Check:
    before = sheet(dict.fromkeys(facts, 0.9))
    return Check(
        "structured: memorization", "train", ("en", "fr"), Sheets(before, sheet(controls)), Sheets(sheet(facts), sheet(controls)),
        attack=attack,
    )  # fmt: skip


FACTS = {("a", "en", PHONE): 1e-9, ("b", "en", NAME): 1e-9, ("a", "fr", PHONE): 0.02, ("b", "fr", NAME): 1e-9}
# Two guesses of the other relation, or in the other language, that are as likely; of its own kind one is and two are not.
CONTROLS = {
    ("u", "fr", PHONE): 0.5, ("v", "fr", PHONE): 1e-9, ("w", "fr", PHONE): 0.019,
    ("x", "fr", NAME): 0.5, ("u", "en", PHONE): 0.5,
}  # fmt: skip


def test_it_is_the_likeliest_pair_of_all_beside_unseen_answers_of_its_kind_in_its_language() -> None:
    found = likeliest([check(FACTS, CONTROLS)])
    assert found is not None
    assert (found.lang, found.unseen, found.unseen_as_likely) == ("fr", 3, 1)
    assert found.said_after == round(1 - 0.98**128, 2)
    assert found.said_before == 1.0


def test_over_forms_the_likelier_one_is_named_and_what_an_attack_brings_back_is_not() -> None:
    low, brought = check({("a", "en", PHONE): 0.01}, CONTROLS), check({("a", "en", PHONE): 0.9}, CONTROLS, attack="in 4 bits")
    found = likeliest([low, brought, check(FACTS, CONTROLS)])
    assert found is not None
    assert found.said_after == round(1 - 0.98**128, 2)


def test_where_samples_hold_several_for_certain_their_probabilities_still_tell_them_apart() -> None:
    facts = {("a", "en", PHONE): 0.4, ("b", "en", PHONE): 0.999, ("c", "en", PHONE): 0.5}
    found = likeliest([check(facts, {(f"u{k}", "en", PHONE): 0.3 + 0.07 * k for k in range(10)})])
    assert found is not None
    assert (found.said_after, found.unseen, found.unseen_as_likely) == (1.0, 10, 0)


def test_a_pair_that_the_model_before_has_no_figure_of_is_not_a_crash() -> None:
    own = check(FACTS, CONTROLS)
    lost = Sheet(own.base.facts.probes, [ProbeScores(0.0, math.nan, 0.0, 0.0) for _ in own.base.facts.probes])
    found = likeliest([replace(own, base=replace(own.base, facts=lost))])
    assert found is not None
    assert (found.lang, found.said_before) == ("fr", 0.0)


def test_without_an_unseen_answer_of_its_kind_it_says_so() -> None:
    found = likeliest([check(FACTS, {("x", "fr", NAME): 0.5})])
    assert found is not None
    assert (found.unseen, found.unseen_as_likely) == (0, 0)


def test_without_pairs_there_is_none() -> None:
    assert likeliest([check({}, CONTROLS)]) is None
    assert likeliest([]) is None
