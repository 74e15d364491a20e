"""Attacks: what each does to a model, that it is the same every time, and that nothing of it stays."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from xlforget import lm as lm_room
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.probes import Probe
from xlforget.errors import UsageError
from xlforget.lm import Lm
from xlforget.measure.attacks import ATTACKS, GROUP, Attack, Ground, Relearned, Rounded, Unrelated, put_through
from xlforget.measure.examine import asked_after
from xlforget.measure.memorization import token_scores
from xlforget.measure.policy import ASKED_OTHERWISE, ATTACKED, KINDS, Attacked, default
from xlforget.measure.profiles import PROFILES, profile
from xlforget.measure.scores import score_probes

NewLm = Callable[[int], Lm]


@pytest.fixture
def lm(new_lm: NewLm) -> Lm:
    return new_lm(11)


@pytest.fixture(scope="module")
def ground(encoder: Encoder, sentences: tuple[str, ...]) -> Ground:
    """Eight facts, the last with two wordings, and text about others."""
    texts = [encoder.encode(text, (6, 14)) for text in sentences[:17]]
    rows = [f"f{min(k, 7)}" for k in range(9)]
    facts = [Probe(row, "en", 0, "all", text) for row, text in zip(rows, texts[:9], strict=True)]
    return Ground(facts, texts[9:], 64)


def weights(lm: Lm) -> list[torch.Tensor]:
    return [own.detach().clone() for own in lm.model.parameters()]


def same(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> bool:
    return all(map(torch.equal, one, other))


def after(lm: Lm, attack: Attack, ground: Ground) -> list[torch.Tensor]:
    with put_through(lm, attack, ground):
        return weights(lm)


def mean_logp(lm: Lm, texts: Sequence[Encoded]) -> float:
    return float(np.mean([own.mean_logp for own in token_scores(lm, texts)]))


CHANGING = [own for own in ATTACKS.values() if own.name not in ASKED_OTHERWISE]


@pytest.mark.parametrize("attack", CHANGING, ids=lambda attack: attack.name)
def test_the_model_is_changed_alike_every_time_and_left_as_it_was(lm: Lm, ground: Ground, attack: Attack) -> None:
    before = weights(lm)
    once, again = after(lm, attack, ground), after(lm, attack, ground)
    assert same(once, again)
    assert not same(once, before)
    assert same(weights(lm), before)
    assert all(own.grad is None for own in lm.model.parameters())


def test_the_model_is_left_as_it_was_when_measuring_it_breaks(lm: Lm, ground: Ground) -> None:
    before = weights(lm)
    with pytest.raises(KeyError), put_through(lm, Unrelated(), ground):
        raise KeyError
    assert same(weights(lm), before)


@pytest.mark.parametrize("bits", [4, 8])
def test_each_group_of_a_rounded_weight_has_no_more_values_than_the_bits_can_say(lm: Lm, ground: Ground, bits: int) -> None:
    embedding = lm.model.get_input_embeddings().weight.detach().clone()
    with put_through(lm, Rounded(bits), ground):  # type: ignore[arg-type]
        matrices = [own for own in lm.model.parameters() if own.dim() > 1 and own.shape != embedding.shape]
        groups = torch.cat([own.detach().reshape(-1, GROUP) for own in matrices])
        assert max(len(group.unique()) for group in groups[::17]) <= 2**bits - 1
        assert torch.equal(lm.model.get_input_embeddings().weight, embedding)


def test_what_was_hidden_within_the_steps_of_four_bits_comes_back(lm: Lm, ground: Ground) -> None:
    """The largest weight of each group gives the scale, so it stays; the others move by less than half a step."""
    whole = after(lm, Rounded(4), ground)
    kept = lm.model.get_input_embeddings().weight
    with torch.no_grad():
        for own, rounded in zip(lm.model.parameters(), whole, strict=True):
            if own.dim() > 1 and own is not kept:
                groups, on_grid = own.view(-1, GROUP), rounded.view(-1, GROUP)
                step = on_grid.abs().amax(1, keepdim=True) / 7
                moved = on_grid + 0.4 * step * torch.where(torch.rand_like(groups) > 0.5, 1.0, -1.0)
                groups.copy_(torch.where(on_grid.abs() >= 7 * step * 0.999, on_grid, moved))
    assert not same(weights(lm), whole)
    for found, rounded in zip(after(lm, Rounded(4), ground), whole, strict=True):
        assert torch.allclose(found, rounded, atol=1e-6)


def test_fine_tuning_teaches_what_it_is_given(lm: Lm, ground: Ground) -> None:
    before = mean_logp(lm, ground.others)
    with put_through(lm, Unrelated(), ground):
        assert mean_logp(lm, ground.others) > before + 1.0


def test_one_half_of_the_facts_is_taught_and_the_other_asked_for_in_all_wordings(lm: Lm, ground: Ground) -> None:
    attack = Relearned()
    asked = attack.asked(ground)
    rows = {fact.row for fact in asked}
    taught = [fact for fact in ground.facts if fact.row not in rows]
    assert len(rows) == len({fact.row for fact in taught}) == 4
    assert len(asked) + len(taught) == len(ground.facts)
    before = [mean_logp(lm, [fact.text for fact in own]) for own in (taught, asked)]
    with put_through(lm, attack, ground):
        gained = [mean_logp(lm, [fact.text for fact in own]) - was for own, was in zip((taught, asked), before, strict=True)]
    assert gained[0] > gained[1] + 1.0


def test_other_answers_are_left_out_after_an_attack_and_no_other_score_changes(lm: Lm, ground: Ground) -> None:
    """They are most of the texts, and no margin is tested there."""
    others = tuple(probe.text for probe in ground.facts)
    whole = Ground([replace(probe, alternatives=others) for probe in ground.facts], ground.others, 64)
    attack = ATTACKS["in 4 bits"]
    lean, controls = asked_after(attack, whole, whole.facts[:3])
    assert [probe.text for probe in lean] == [probe.text for probe in attack.asked(whole)]
    assert not any(probe.alternatives for probe in (*lean, *controls))
    with put_through(lm, attack, whole):
        found, slow = score_probes(lm, lean), score_probes(lm, attack.asked(whole))
    for own, other in zip(found, slow, strict=True):
        assert (own.ma, own.es) == (other.ma, other.es)
        assert own.logp == pytest.approx(other.logp, abs=1e-5)


@pytest.mark.parametrize("attack", [Unrelated(), Relearned()], ids=lambda attack: attack.name)
def test_an_attack_that_has_nothing_to_train_on_is_not_said_to_be_made(ground: Ground, attack: Attack) -> None:
    """One fact has no other half, and without text about others nothing would be trained: the model would be as it was."""
    assert attack.asked(Ground(ground.facts[:1], [], 64)) == []


def test_it_does_not_matter_how_many_logits_are_held_at_once(lm: Lm, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of gradients that are nearly 0 may differ: a share of the weights in a thousand, and by two steps."""
    whole = torch.cat([own.flatten() for own in after(lm, Relearned(1), ground)])
    monkeypatch.setattr(lm_room, "READ_CPU", 32)
    parts = torch.cat([own.flatten() for own in after(lm, Relearned(1), ground)])
    assert (whole - parts).abs().gt(1e-6).float().mean() < 1e-3


def test_every_attack_is_one_that_the_policy_can_speak_of_and_full_makes_them_all() -> None:
    made = {name for own in PROFILES.values() for name in own.attacks}
    spoken = {kind for kind in KINDS if isinstance(default().tested(kind), Attacked)}
    assert made == spoken == set(ATTACKED) == set(profile("full").attacks) == set(ATTACKS)


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="harsh") as caught:
        profile("harsh")
    assert "standard" in str(caught.value.do)
