"""One matrix over all methods: gradients are the papers' formulas', each forgets, and a run ends where its seed says."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast

from tests.families import FAMILIES
from tests.unlearn.worlds import World, answers, log_p, mean_logp, of_tokens, weights
from xlforget.corpus.encode import Encoded
from xlforget.errors import UsageError
from xlforget.experiments.small_model import new_model
from xlforget.lm import Lm
from xlforget.unlearn import checkpoint, step
from xlforget.unlearn.engine import Engine, Round
from xlforget.unlearn.levels import answer_scores
from xlforget.unlearn.memory import Memory
from xlforget.unlearn.methods import METHODS, Method, method, parse_kappa
from xlforget.unlearn.objective import DELTA
from xlforget.unlearn.steering import Layer

WITH_RETAIN = [name for name, one in METHODS.items() if one.retain]


def preference(nll: Tensor, beta: float) -> Tensor:
    return -2 / beta * F.logsigmoid(beta * nll)


def forgotten(engine: Engine, base: Lm, lm: Lm) -> Tensor:
    pairs, how = engine.pairs, engine.method
    own = answers(lm, pairs)
    tokens = torch.cat(own)
    match how.forget:
        case "toward":
            tau = torch.from_numpy(np.concatenate([engine.aims.of(k) for k in range(len(pairs))]))
            before = [kl(base, lm, pair)[: len(pair.before)] for pair in pairs]
            return F.huber_loss(tokens, tau, delta=DELTA) + how.context_weight * torch.cat(before).mean()
        case "ascent":
            return tokens.mean()
        case "learn":
            return -tokens.mean()
        case "npo":
            was = [logp.sum().detach() for logp in answers(base, pairs)]
            each = [preference(old - logp.sum(), how.beta or 0) for logp, old in zip(own, was, strict=True)]
            return torch.stack(each).mean()
        case "simnpo":
            return torch.stack([preference(-logp.mean(), how.beta or 0) for logp in own]).mean()
        case "lower":
            return torch.cat([lowered(base, lm, pair, how.beta or 0) for pair in pairs]).mean()
        case "steer":
            there = torch.cat([hidden(lm, pair)[[p - 1 for p in pair.answer]] for pair in pairs])
            was_there = torch.cat([hidden(base, pair)[[p - 1 for p in pair.answer]] for pair in pairs]).detach()
            u = torch.rand(64, generator=torch.Generator().manual_seed(engine.task.seed))
            return F.mse_loss(there, ((how.beta or 0) * was_there.norm(dim=-1).mean() * u / u.norm()).expand_as(there))


def kl(base: Lm, lm: Lm, text: Encoded) -> Tensor:
    """[T - 1]: KL(base || model) of each token's distribution."""
    old = log_p(base, text).detach()
    return (old.exp() * (old - log_p(lm, text))).sum(-1)


def lowered(base: Lm, lm: Lm, pair: Encoded, beta: float) -> Tensor:
    """Cross entropy of the base's distribution with ``beta`` off the true token's logit, at the answer."""
    at = [p - 1 for p in pair.answer]
    logits = base.model(input_ids=torch.tensor([pair.ids])).logits[0, at].detach()
    wanted = torch.softmax(logits - beta * F.one_hot(torch.tensor([pair.ids[p] for p in pair.answer]), logits.shape[1]), -1)
    return -(wanted * log_p(lm, pair)[at]).sum(-1)


def hidden(lm: Lm, text: Encoded) -> Tensor:
    """[T, D]: what the first of two layers puts out."""
    return lm.model(input_ids=torch.tensor([text.ids]), output_hidden_states=True).hidden_states[1][0]  # type: ignore[no-any-return]


def kept(engine: Engine, base: Lm, lm: Lm) -> Tensor:
    """Over all retain text; what was made is imitated."""
    given, made, how = engine.task.given, engine.task.made, engine.method
    if how.retain is None:
        return torch.zeros(())
    made = made if how.made_share else []
    texts = [*given, *made]
    count = sum(len(text.ids) - 1 for text in texts)
    if how.retain == "activations":
        return (
            sum(
                (F.mse_loss(hidden(lm, t)[:-1], hidden(base, t)[:-1].detach(), reduction="sum") / 64 for t in texts),
                torch.zeros(()),
            )
            / count
        )
    total = torch.zeros(())
    for text in given:
        old, far, ce = log_p(base, text).detach(), kl(base, lm, text), -of_tokens(log_p(lm, text), text)
        sure = of_tokens(old, text).exp()
        repeated = old.gather(1, torch.tensor(text.ids[:-1])[:, None])[:, 0].exp()
        if how.retain == "adaptive":
            total = total + (sure * far + (1 - sure) * ce).sum() / count
        elif how.retain == "released":
            total = total + (repeated * far).sum() / len(given) + ((1 - repeated) * ce).sum() / count
        else:
            total = total + ce.sum() / count
    return total + sum((kl(base, lm, text).sum() for text in made), torch.zeros(())) / count


@pytest.mark.parametrize("name", METHODS)
def test_gradients_are_those_of_the_methods_formula(world: World, name: str) -> None:
    base, lm, plain = world.lm(), world.lm(), world.lm()
    engine = world.engine(lm, name, **({"retain_tokens": 10_000} if METHODS[name].retain else {}))
    with torch.no_grad():  # a model that has moved
        for one, other in zip(lm.model.parameters(), plain.model.parameters(), strict=True):
            one.add_(0.05 * torch.randn(one.shape, generator=torch.Generator().manual_seed(one.numel())))
            other.copy_(one)
    chosen = range(len(engine.pairs))
    asked = [*engine.terms.forget(chosen, [1] * len(engine.pairs)), *engine.terms.keep(engine.progress.weight)]
    if engine.steering:
        engine.steering.backward(engine.teacher, engine.texts, asked, engine.progress.budget)
    else:
        step.backward(lm, engine.teacher, engine.texts, asked)
    (forgotten(engine, base, plain) + engine.progress.weight * kept(engine, base, plain)).backward()
    trained = {id(p) for p in engine.optimizer.masters.values()}
    for (place, got), want in zip(lm.model.named_parameters(), plain.model.parameters(), strict=True):
        if id(got) in trained:
            assert got.grad is not None, place
            assert want.grad is not None, place
            torch.testing.assert_close(got.grad, want.grad, atol=1e-5, rtol=1e-4, msg=place)


def straight(engine: Engine) -> dict[str, Tensor]:
    engine.run(lambda _: True, lambda _: None, lambda _: None)
    return weights(engine.lm)


@pytest.mark.parametrize("name", METHODS)
def test_answers_are_forgotten_and_retain_text_is_kept_better_than_by_ascent_alone(world: World, name: str) -> None:
    def run(own: str) -> Lm:
        # The preset's weight of retain text is for larger models: this one would not move at all.
        weight = {"retain_least": 1.0, "retain_most": 1.0} if own == "rmu" else {}
        engine = world.engine(world.lm(), own, sampling="round-robin", rounds=8, **weight)
        engine.run(lambda lm: mean_logp(lm, pairs) < -3.0, lambda _: None, lambda _: None)
        return engine.lm

    pairs = [pair.text for pair in world.task.pairs]
    changed = run(name)
    assert mean_logp(changed, pairs) < -3.0 < mean_logp(world.lm(), pairs) - 2.0
    if name in WITH_RETAIN:
        assert mean_logp(changed, world.task.given) > mean_logp(run("gradient-ascent"), world.task.given) + 0.5


class Stopped(Exception):
    """The process went away."""


@pytest.mark.parametrize("name", METHODS)
def test_a_run_ends_in_the_same_bytes_again_and_when_it_was_stopped(world: World, name: str, tmp_path: Path) -> None:
    first, again = straight(world.engine(world.lm(), name)), straight(world.engine(world.lm(), name))
    seen: list[Round] = []

    def after(own: Engine) -> None:
        checkpoint.save(own, tmp_path)
        if len(seen) == 2:
            raise Stopped

    with pytest.raises(Stopped):
        world.engine(world.lm(), name).run(lambda _: True, seen.append, after)
    resumed = world.engine(world.lm(), name)
    assert checkpoint.restore(resumed, tmp_path)
    for other in (again, straight(resumed)):
        assert all(torch.equal(value, other[place]) for place, value in first.items())
    assert any(not torch.equal(value, first[place]) for place, value in weights(world.lm()).items())


def test_what_was_learned_is_subtracted_as_often_as_the_run_may_stop_with(world: World) -> None:
    learned = world.engine(world.lm(), "task-vector", alphas=())
    tuned, base = straight(learned), weights(world.lm())
    engine = world.engine(world.lm(), "task-vector", alphas=(0.5, 2.0, 4.0))
    engine.run(lambda _: engine.progress.alpha == 2.0, lambda _: None, lambda _: None)
    assert engine.progress.alpha == 2.0
    for name, value in weights(engine.lm).items():
        torch.testing.assert_close(value, base[name] - 2.0 * (tuned[name] - base[name]))


def test_where_no_alpha_will_do_it_is_the_one_that_brings_answers_closest_to_their_levels(world: World) -> None:
    engine = world.engine(world.lm(), "task-vector", alphas=(0.0, 1.0, 64.0))
    far: dict[float | None, float] = {}

    def never(lm: Lm) -> bool:
        far[engine.progress.alpha] = float(engine.aims.distances(answer_scores(lm, engine.pairs)).mean())
        return False

    engine.run(never, lambda _: None, lambda _: None)
    assert far[engine.progress.alpha] == min(far.values())
    assert engine.aims.distances(answer_scores(engine.lm, engine.pairs)).mean() == pytest.approx(min(far.values()))


def test_only_the_down_projections_of_three_layers_are_steered(tokenizer: object) -> None:
    lm = Lm(new_model(tokenizer, layers=6, width=64, seed=0))  # type: ignore[arg-type]
    trained = {id(p) for p in Layer(lm, 0.7).trained()}
    names = [name for name, p in lm.model.named_parameters() if id(p) in trained]
    assert names == [f"model.layers.{k}.mlp.down_proj.weight" for k in (1, 2, 3)]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_mlps_of_every_architecture_are_found(tokenizer: PreTrainedTokenizerFast, name: str) -> None:
    lm = Lm(FAMILIES[name].new(tokenizer))
    trained = {id(p) for p in Layer(lm, 0.5).trained()}
    (found,) = (own for own, p in lm.model.named_parameters() if id(p) in trained)
    assert re.search(r"\.0\.(.*\.)?(down_proj|fc2|dense_4h_to_h)", found)


def test_adapters_are_trained_on_the_steered_projections_alone(world: World) -> None:
    lm = world.lm()
    Engine(lm, world.task, replace(METHODS["rmu"], retain_tokens=120), memory=Memory(lora_rank=4))
    trained = {own.split(".lora_")[0] for own, p in lm.model.named_parameters() if p.requires_grad}
    assert trained == {"model.layers.0.mlp.down_proj"}


def test_a_model_whose_layers_are_not_found_cannot_be_steered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xlforget.unlearn.steering.DOWN", ("projection",))
    with pytest.raises(UsageError, match="MLPs"):
        Layer(world.lm(), 0.5)


def test_a_method_that_only_leads_down_lets_pairs_rest_that_are_down_and_then_forgets_no_more(world: World) -> None:
    engine = world.engine(world.lm(), "gradient-ascent")
    scores = answer_scores(engine.lm, engine.pairs)
    down = [own._replace(logp=own.logp - 40.0) if k < 3 else own for k, own in enumerate(scores)]
    assert engine._live(down, engine.aims.distances(down)) == [3, 4, 5, 6, 7]
    engine.progress.visits, engine.progress.live = [1] * len(engine.pairs), []
    engine._look()
    before = weights(engine.lm)
    assert engine._step() == (0.0, 0.0)
    assert all(torch.equal(value, before[name]) for name, value in weights(engine.lm).items())


def test_a_pair_that_was_never_visited_does_not_rest(world: World) -> None:
    engine = world.engine(world.lm(), "adaptive")
    engine.progress.visits, engine.progress.live = [1, 0, 1, 1, 0, 1, 1, 1], [3]
    engine._look()
    assert sorted(engine.curriculum.take(8, 0.0)) == [1, 3, 4]


def test_each_language_in_turn_has_a_warm_up_and_an_end_of_its_own(world: World) -> None:
    engine = world.engine(world.lm(), "adaptive", sampling="sequential", rounds=4, steps_per_round=5, warmup=4, mend=0.5)
    rates, langs = [], []
    for number in range(20):
        engine.progress.step = number
        rates.append(engine._rate())
        chosen = engine.curriculum.take(8, number / 20)
        langs.append({engine.task.pairs[i].lang for i in chosen})
    assert rates[:10] == rates[10:]
    assert rates[0] == 0.25 < max(rates)
    assert langs == [{"en"}] * 10 + [{"fr"}] * 10


def test_options_change_the_preset_and_those_not_given_do_not() -> None:
    changed = method("adaptive", lr=0.5, rounds=None, sampling="random")
    assert (changed.lr, changed.sampling) == (0.5, "random")
    assert changed.rounds == METHODS["adaptive"].rounds
    assert METHODS["adaptive"].lr != 0.5


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        method("erase")
    assert all(name in caught.value.do for name in METHODS)


def test_an_unknown_sampling_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        method("adaptive", sampling="all")
    assert all(name in caught.value.do for name in ("live", "round-robin", "random", "sequential"))


@pytest.mark.parametrize("name", METHODS)
def test_kappa_is_taken_where_there_is_one_and_refused_elsewhere(name: str) -> None:
    if METHODS[name].retain in ("adaptive", "released"):
        assert method(name, kappa="0.5").kappa == 0.5
        assert method(name, kappa="adaptive").kappa is None
    else:
        for kappa in ("0.5", "adaptive"):
            with pytest.raises(UsageError, match="no kappa"):
                method(name, kappa=kappa)


def test_kappa_is_adaptive_or_a_share() -> None:
    assert (parse_kappa(None), parse_kappa("adaptive"), parse_kappa("0.25"), parse_kappa("1")) == (None, None, 0.25, 1.0)
    for wrong in ("", "much", "-0.1", "1.5", "nan"):
        with pytest.raises(UsageError):
            parse_kappa(wrong)


def test_made_text_alone_is_read_in_the_place_of_the_users() -> None:
    one: Method = method("adaptive", rounds=2)
    assert one.made_tokens(given=False) == 2 * one.steps_per_round * one.retain_tokens
    assert one.made_tokens(given=True) == one.made_share * one.made_tokens(given=False)


def test_many_pairs_get_more_rounds_in_proportion_unless_it_was_said_how_many() -> None:
    preset = method("adaptive")
    few, many, twice = (preset.sized(pairs, 64).rounds for pairs in (10, 1000, 2000))
    assert few == preset.rounds < many
    assert twice == 2 * many
    assert many * preset.steps_per_round * preset.live_pairs >= 1000 * (preset.visits or 0)
    assert method("adaptive", rounds=3).sized(2000, 64).rounds == 3


def test_wider_models_are_trained_at_a_lower_rate_unless_it_was_said_which() -> None:
    preset = method("adaptive")
    narrow, wide, wider = (preset.sized(10, width).lr for width in (64, 1024, 4096))
    assert narrow == preset.lr > wide
    assert wider == pytest.approx(wide / 4)
    assert method("adaptive", lr=1e-3).sized(10, 4096).lr == 1e-3
