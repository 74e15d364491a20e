"""Hardening: the gradient is that of one half of the facts where the other was learned again, or of the whole step where other
text was learned, and the weights are as before."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.unlearn.worlds import World, answers, mean_logp, weights
from xlforget.corpus.encode import Encoded
from xlforget.errors import UsageError
from xlforget.lm import Lm
from xlforget.unlearn import checkpoint, step
from xlforget.unlearn.engine import CYCLES, Engine
from xlforget.unlearn.hardening import MARGIN, SHARE, STEPS, TEXT_SHARE, TEXT_STEPS
from xlforget.unlearn.methods import method
from xlforget.unlearn.step import Asked


def gradients(engine: Engine) -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in engine.lm.model.parameters()]


def asked_by(engine: Engine) -> list[Asked]:
    return [*engine._forget(), *engine.terms.keep(1.0)]


def learn(engine: Engine, lessons: Sequence[Sequence[Encoded]], share: float) -> None:
    """The answers of some texts a step, by hand, with full logits and autograd."""
    parameters = list(engine.lm.model.parameters())
    sizes = [share * float(p.detach().pow(2).mean().sqrt()) for p in parameters]
    for texts in lessons:
        logp = torch.cat(answers(engine.lm, texts))
        for p, gradient, size in zip(parameters, torch.autograd.grad(-logp.mean(), parameters), sizes, strict=True):
            p.data.sub_(size * gradient.sign())


def test_the_gradient_is_the_steps_own_and_that_of_half_of_the_facts_where_the_other_was_learned_again(world: World) -> None:
    engine = world.engine(world.lm(), "adaptive", hardened=True)
    asked, before = asked_by(engine), weights(engine.lm)
    engine._backward(asked, engine.progress.budget)
    found = gradients(engine)
    assert all(torch.equal(value, before[name]) for name, value in weights(engine.lm).items())

    assert engine.against_facts
    learned, led = engine.against_facts._halves([one for one in asked if one.part == "forget"], engine.progress.steps)
    engine.optimizer.zero()
    step.backward(engine.lm, engine.teacher, engine.texts, asked)
    plain = gradients(engine)
    engine.optimizer.zero()
    learn(engine, [[engine.texts[one.row] for one in learned]] * STEPS, SHARE)
    one = 1 / sum(len(own.at) for own in led)
    step.backward(engine.lm, engine.teacher, engine.texts, [replace(own, weight=one) for own in led])
    for ours, own, extra in zip(found, plain, gradients(engine), strict=True):
        torch.testing.assert_close(ours, own + extra, atol=2e-4, rtol=2e-3)


def test_the_halves_share_no_fact_and_change_from_step_to_step(world: World) -> None:
    engine = world.engine(world.lm(), "adaptive", hardened=True, live_pairs=8)
    pairs = [one for one in engine._forget() if one.part == "forget"]
    assert engine.against_facts
    seen = set()
    for number in range(12):
        learned, led = (
            {engine.against_facts._facts[one.row] for one in half} for half in engine.against_facts._halves(pairs, number)
        )
        assert not learned & led
        assert learned | led == {pair.row for pair in engine.task.pairs}
        seen.add(frozenset(learned))
    assert len(seen) > 2


def is_taken_as_without(engine: Engine) -> None:
    """Whether a step's gradients are those of what is asked, at the weights as they are."""
    asked = asked_by(engine)
    engine._backward(asked, engine.progress.budget)
    found = gradients(engine)
    engine.optimizer.zero()
    step.backward(engine.lm, engine.teacher, engine.texts, asked)
    assert all(map(torch.equal, found, gradients(engine)))


def test_one_fact_alone_is_unlearned_as_without(world: World) -> None:
    alone = replace(world, task=replace(world.task, pairs=world.task.pairs[:2], levels=world.task.levels[:2]))
    engine = alone.engine(alone.lm(), "adaptive", hardened=True)
    is_taken_as_without(engine)


def goes_on(engine: Engine, comes_back: Callable[[Lm], bool], done: Callable[[Lm], bool] = lambda lm: True) -> int:
    """Cycles of a run."""
    engine.run(done, lambda seen: None, lambda own: None, comes_back)
    return engine.progress.cycle


@pytest.fixture
def others(world: World) -> World:
    """A world with a text about others, which the model does not know."""
    ids, kept = world.task.unseen[0].text.ids, len(world.task.given) + len(world.task.made)
    text = Encoded(ids, tuple(range(1, len(ids))))
    return replace(world, task=replace(world.task, made=[*world.task.made, text], others=[kept]))


def test_at_every_second_step_the_gradient_is_that_where_other_text_was_learned_with_levels_that_moved_as_unseen_text_does(
    others: World,
) -> None:
    engine = others.engine(others.lm(), "adaptive")
    engine.progress.against_text, engine.progress.step = True, 1
    asked, before = asked_by(engine), weights(engine.lm)
    engine._backward(asked, engine.progress.budget)
    found = gradients(engine)
    assert all(torch.equal(value, before[name]) for name, value in weights(engine.lm).items())

    engine.optimizer.zero()
    unseen = {lang: [probe.text for probe in engine.task.unseen if probe.lang == lang] for lang in ("en", "fr")}
    was = {lang: mean_logp(engine.lm, own) for lang, own in unseen.items()}
    learn(engine, [[engine.texts[engine.task.others[0]]]] * TEXT_STEPS, TEXT_SHARE)
    moved = {lang: mean_logp(engine.lm, own) - was[lang] for lang, own in unseen.items()}
    assert abs(moved["en"] - moved["fr"]) > 0.1
    first = len(engine.terms.retain)
    down = {first + k: np.float32(moved[pair.lang] - MARGIN) for k, pair in enumerate(engine.task.pairs)}
    led = [own if own.levels is None else replace(own, levels=np.minimum(own.levels + down[own.row], 0)) for own in asked]
    step.backward(engine.lm, engine.teacher, engine.texts, led)
    for ours, own in zip(found, gradients(engine), strict=True):
        torch.testing.assert_close(ours, own, atol=2e-4, rtol=2e-3)


@pytest.mark.parametrize(("hardened", "number"), [(True, 2), (False, 1)])
def test_all_other_steps_are_taken_as_without(others: World, hardened: bool, number: int) -> None:
    engine = others.engine(others.lm(), "adaptive")
    engine.progress.against_text, engine.progress.step = hardened, number
    is_taken_as_without(engine)


def test_a_run_goes_on_against_other_text_only_where_that_brings_the_facts_back(others: World) -> None:
    ends, seen = others.engine(others.lm(), "adaptive"), others.engine(others.lm(), "adaptive")
    assert goes_on(ends, lambda lm: False) == 1
    assert not ends.progress.against_text
    answers = iter([True, False])
    assert goes_on(seen, lambda lm: next(answers)) == 2
    assert seen.progress.against_text


def test_what_never_stops_coming_back_is_trained_against_for_all_cycles_and_no_more(others: World) -> None:
    engine, asked = others.engine(others.lm(), "adaptive"), list[bool]()
    assert goes_on(engine, lambda lm: asked.append(True) or True) == CYCLES  # type: ignore[func-returns-value]
    assert len(asked) == CYCLES - 1, "after the last nothing can be done about it"


def test_halfway_through_a_cycle_and_after_it_levels_go_where_unseen_text_has_gone(
    others: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, followed = others.engine(others.lm(), "adaptive"), list[tuple[int, int]]()
    monkeypatch.setattr(engine.aims, "follow", lambda lm: followed.append((engine.progress.cycle, engine.progress.step)))
    answers = iter([True, False])
    assert goes_on(engine, lambda lm: next(answers)) == 2
    assert followed == [(0, 6), (1, 0), (1, 3)], "after half of the rounds, of three steps each, and after the first cycle"


def test_what_is_not_where_it_should_be_is_not_tried_again(others: World) -> None:
    engine, asked = others.engine(others.lm(), "adaptive"), list[bool]()
    goes_on(engine, lambda lm: asked.append(True) or True, done=lambda lm: False)  # type: ignore[func-returns-value]
    assert len(asked) == 1


def test_methods_without_levels_are_not_asked(others: World) -> None:
    engine = others.engine(others.lm(), "npo")
    assert goes_on(engine, lambda lm: True) == 1
    assert not engine.progress.against_text


def test_a_stopped_run_goes_on_hardened(others: World, tmp_path: Path) -> None:
    first, second = others.engine(others.lm(), "adaptive"), others.engine(others.lm(), "adaptive")
    first.progress.against_text = True
    first._round()
    checkpoint.save(first, tmp_path)
    checkpoint.restore(second, tmp_path)
    assert second.progress.against_text


def test_methods_without_levels_cannot_be_hardened() -> None:
    with pytest.raises(UsageError, match="npo"):
        method("npo", hardened=True)
