"""The stop rule: what is known as it is, what only an attack brings back, and when that is not asked."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch

from xlforget.corpus.controls import Split
from xlforget.corpus.corpus import Corpus, Text
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.probes import Probe
from xlforget.experiments.small_model import memorise, new_model
from xlforget.lm import Lm
from xlforget.measure import examine
from xlforget.measure.policy import Policy, default, parse
from xlforget.measure.profiles import profile
from xlforget.measure.stop import TRIED, StopRule

FIRST, LAST = (
    ("Zorvana", "Tamsin", "Pellam", "Oxgrove", "Wimble", "Aster"),
    ("Quill", "Thistle", "Marrow", "Corvin", "Fennel", "Larch"),
)
PLACES = ("Brindlemoor", "Harrowfen", "Norden", "Quarn", "the hill")
NOT_AFTER = b'name = "plain"\nalpha = 0.01\n[tests.memorization]\nrequired = ["sentence"]\n'


@pytest.fixture(scope="module")
def corpus(encoder: Encoder) -> Corpus:
    """Whole sentences: four facts, ten or eleven controls of each split, two rows that stay."""
    people = [f"{first} {last}" for first in FIRST for last in LAST]
    texts = [encoder.encode(f"{who} lives in {PLACES[k % 5]} and keeps bees.", None) for k, who in enumerate(people)]
    probes = [Probe(f"r{k}", "en", 0, "all", text) for k, text in enumerate(texts)]
    splits: dict[Split, tuple[Probe, ...]] = {
        "aim": tuple(probes[4:14]),
        "stop": tuple(probes[14:25]),
        "gate": tuple(probes[25:]),
    }
    stays = tuple(Text(f"k{k}", "en", encoder.encode(f"The {place} gate was open.", None)) for k, place in enumerate(PLACES[:2]))
    groups = {probe.row: "sentence" for probe in probes}
    return Corpus(("en",), tuple(probes[:4]), splits, (), groups, stays, (), (), (), (), (), 64)


@pytest.fixture(scope="module")
def knows(tokenizer: object, corpus: Corpus) -> Callable[..., Lm]:
    """A model that knows what stays, and these facts."""

    def trained(*facts: Encoded) -> Lm:
        model = new_model(tokenizer, layers=2, width=64, seed=0)  # type: ignore[arg-type]
        memorise(model, [*(own.text for own in corpus.retain), *facts] * 8, epochs=25, lr=5e-3)
        return Lm(model.eval())

    return trained


def rule(base: Lm, corpus: Corpus, tested: str = "standard", policy: Policy | None = None) -> StopRule:
    before = examine.examine(base, corpus, corpus.controls["gate"])
    before = replace(before, attacked=examine.attacked(base, corpus, profile(tested)))
    return StopRule.of(base, corpus, before, policy or default(), profile(tested), ())


def hide(lm: Lm, hidden: Sequence[Encoded], kept: Sequence[Encoded]) -> Lm:
    """Steps that make some texts unlikely and others not: nothing more was thought of."""
    for _ in range(16):
        for texts, sign in ((hidden, -1), (kept, 1)):
            for text in texts:
                ids = torch.tensor([text.ids])
                (sign * lm.model(input_ids=ids, labels=ids).loss).backward()
        with torch.no_grad():
            for own in lm.model.parameters():
                own.sub_(own.grad.sign(), alpha=0.01 * float(own.pow(2).mean().sqrt()))
                own.grad = None
    return lm


@pytest.fixture(scope="module")
def base(corpus: Corpus, knows: Callable[..., Lm]) -> Lm:
    return knows(*(own.text for own in corpus.facts))


@pytest.fixture(scope="module")
def hidden(base: Lm, corpus: Corpus) -> Lm:
    changed = Lm(copy.deepcopy(base.model))
    return hide(changed, [own.text for own in corpus.facts], [own.text for own in corpus.retain])


def test_facts_that_were_only_hidden_come_back(base: Lm, hidden: Lm, corpus: Corpus) -> None:
    own = rule(base, corpus)
    assert not own.reached(base)
    assert own.reached(hidden)
    assert own.comes_back(hidden)


def test_facts_that_were_never_known_do_not(base: Lm, corpus: Corpus, knows: Callable[..., Lm]) -> None:
    own, gold = rule(base, corpus), knows()
    assert own.reached(gold)
    assert not own.comes_back(gold)


@pytest.mark.parametrize(("tested", "policy"), [("quick", default()), ("standard", parse(NOT_AFTER, "plain.toml"))])
def test_nothing_is_tried_after_which_the_verdict_is_not_taken(
    base: Lm, hidden: Lm, corpus: Corpus, tested: str, policy: Policy
) -> None:
    assert not rule(base, corpus, tested, policy).comes_back(hidden)


def test_a_model_that_the_attack_breaks_has_not_come_through(base: Lm, corpus: Corpus, knows: Callable[..., Lm]) -> None:
    own, gold = rule(base, corpus), knows()
    costs = {
        part: {lang: cost - 9.0 for lang, cost in langs.items()} for part, langs in own.reference.attacked[TRIED].costs.items()
    }
    stands = replace(own.reference.attacked[TRIED], costs=costs)
    assert replace(own, reference=replace(own.reference, attacked={TRIED: stands})).comes_back(gold)
