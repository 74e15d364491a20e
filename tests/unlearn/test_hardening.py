"""Hardening: the gradient is that of one half of the facts where the other was learned again, and the weights are as before."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.unlearn.worlds import World, answers, weights
from xlforget.errors import UsageError
from xlforget.unlearn import step
from xlforget.unlearn.engine import Engine
from xlforget.unlearn.hardening import SHARE, STEPS
from xlforget.unlearn.methods import method
from xlforget.unlearn.step import Asked


def gradients(engine: Engine) -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in engine.lm.model.parameters()]


def asked_by(engine: Engine) -> list[Asked]:
    return [*engine._forget(), *engine.terms.keep(1.0)]


def learn_again(engine: Engine, learned: Sequence[Asked]) -> None:
    """By hand, with full logits and autograd."""
    parameters = list(engine.lm.model.parameters())
    sizes = [SHARE * float(p.detach().pow(2).mean().sqrt()) for p in parameters]
    for _ in range(STEPS):
        logp = torch.cat(answers(engine.lm, [engine.texts[one.row] for one in learned]))
        for p, gradient, size in zip(parameters, torch.autograd.grad(-logp.mean(), parameters), sizes, strict=True):
            p.data.sub_(size * gradient.sign())


def test_the_gradient_is_the_steps_own_and_that_of_half_of_the_facts_where_the_other_was_learned_again(world: World) -> None:
    engine = world.engine(world.lm(), "adaptive", hardened=True)
    asked, before = asked_by(engine), weights(engine.lm)
    engine._backward(asked, engine.progress.budget)
    found = gradients(engine)
    assert all(torch.equal(value, before[name]) for name, value in weights(engine.lm).items())

    assert engine.hardening
    learned, led = engine.hardening._halves([one for one in asked if one.part == "forget"], engine.progress.steps)
    engine.optimizer.zero()
    step.backward(engine.lm, engine.teacher, engine.texts, asked)
    plain = gradients(engine)
    engine.optimizer.zero()
    learn_again(engine, learned)
    one = 1 / sum(len(own.at) for own in led)
    step.backward(engine.lm, engine.teacher, engine.texts, [replace(own, weight=one) for own in led])
    for ours, own, extra in zip(found, plain, gradients(engine), strict=True):
        torch.testing.assert_close(ours, own + extra, atol=2e-4, rtol=2e-3)


def test_the_halves_share_no_fact_and_change_from_step_to_step(world: World) -> None:
    engine = world.engine(world.lm(), "adaptive", hardened=True, live_pairs=8)
    pairs = [one for one in engine._forget() if one.part == "forget"]
    assert engine.hardening
    seen = set()
    for number in range(12):
        learned, led = ({engine.hardening._facts[one.row] for one in half} for half in engine.hardening._halves(pairs, number))
        assert not learned & led
        assert learned | led == {pair.row for pair in engine.task.pairs}
        seen.add(frozenset(learned))
    assert len(seen) > 2


def test_one_fact_alone_is_unlearned_as_without(world: World) -> None:
    alone = replace(world, task=replace(world.task, pairs=world.task.pairs[:2], levels=world.task.levels[:2]))
    engine = alone.engine(alone.lm(), "adaptive", hardened=True)
    asked = asked_by(engine)
    engine._backward(asked, engine.progress.budget)
    found = gradients(engine)
    engine.optimizer.zero()
    step.backward(engine.lm, engine.teacher, engine.texts, asked)
    assert all(map(torch.equal, found, gradients(engine)))


def test_methods_without_levels_cannot_be_hardened() -> None:
    with pytest.raises(UsageError, match="npo"):
        method("npo", hardened=True)
