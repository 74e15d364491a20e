"""The loop: its losses are what the definitions say, and a run that was stopped ends where an unbroken one does."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.probes import Probe
from xlforget.lm import Lm
from xlforget.unlearn import checkpoint
from xlforget.unlearn.engine import CYCLES, Engine, Round, Task
from xlforget.unlearn.methods import Method
from xlforget.unlearn.objective import DELTA
from xlforget.unlearn.teacher import Teacher

NewLm = Callable[[int], Lm]
SHORT = Method(
    "adaptive", lr=3e-3, warmup=2, rounds=4, steps_per_round=2, live_pairs=3, retain_tokens=60, rest=0.5, made_share=0.5
)


class Stopped(Exception):
    """The process went away."""


def whole(encoder: Encoder, texts: Sequence[str]) -> list[Encoded]:
    return [encoder.encode(text, None) for text in texts]


def probe(encoder: Encoder, number: int, text: str, answer: str, other: str) -> Probe:
    start = text.index(answer)
    swapped = encoder.encode(text.replace(answer, other), (start, start + len(other)))
    own = encoder.encode(text, (start, start + len(answer)))
    return Probe(f"f{number}", "en", 0, "all", own, (swapped,))


@pytest.fixture(scope="module")
def task(encoder: Encoder, sentences: tuple[str, ...]) -> Task:
    pairs = [
        probe(encoder, k, f"{who} lives in {where} and keeps bees.", where, "Quarn")
        for k, (who, where) in enumerate(
            [("Zorvana", "Brindlemoor"), ("Tamsin", "Harrowfen"), ("Pellam", "Norden"), ("Oxgrove", "the hill")]
        )
    ]
    levels = [np.linspace(-9, -4, len(p.text.answer)).astype(np.float32) for p in pairs]
    texts = whole(encoder, sentences)
    rivals = [p.alternatives[0] for p in pairs]
    rival_levels = [np.full(len(r.answer), -7.0, np.float32) for r in rivals]
    rivals_of = {k: range(k, k + 1) for k in range(len(rivals))}
    return Task(pairs, levels, rivals, rival_levels, rivals_of, texts[:6], texts[6:], seed=11)


def weights(lm: Lm) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in lm.model.named_parameters()}


def run(lm: Lm, task: Task, work: Path, *, stop_after: int = 10**9, cycles: int = 1) -> list[Round]:
    """A run as `unlearn` makes it, killed after ``stop_after`` rounds of its own."""
    engine, seen = Engine(lm, task, SHORT), list[Round]()
    checkpoint.restore(engine, work)

    def after(own: Engine) -> None:
        checkpoint.save(own, work)
        if len(seen) == stop_after:
            raise Stopped

    engine.run(lambda _: engine.progress.cycle >= cycles, seen.append, after)
    return seen


@pytest.mark.parametrize("stop_after", [1, 2, 4, 5])
def test_a_stopped_run_ends_where_an_unbroken_one_does(new_lm: NewLm, task: Task, tmp_path: Path, stop_after: int) -> None:
    straight, first, second = new_lm(0), new_lm(0), new_lm(0)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    rounds = run(straight, task, tmp_path / "a", cycles=2)
    with pytest.raises(Stopped):
        run(first, task, tmp_path / "b", stop_after=stop_after, cycles=2)
    rest = run(second, task, tmp_path / "b", cycles=2)

    assert rest == rounds[stop_after:]
    assert len(rounds) > 5
    for name, value in weights(straight).items():
        assert torch.equal(value, weights(second)[name]), name


def test_a_checkpoint_that_was_cut_short_is_not_read_and_the_one_before_is(new_lm: NewLm, task: Task, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(new_lm(0), task, tmp_path, stop_after=1)
    (tmp_path / checkpoint.FOLDER).rename(tmp_path / f"{checkpoint.FOLDER}.old")
    (tmp_path / f"{checkpoint.FOLDER}.new").mkdir()
    engine = Engine(new_lm(0), task, SHORT)
    assert checkpoint.restore(engine, tmp_path)
    assert engine.progress.step == SHORT.steps_per_round


def test_a_model_with_dropout_ends_where_the_seed_says(new_lm: NewLm, task: Task) -> None:
    ends = []
    for noise in (0, 1):
        lm = new_lm(0)
        for layer in lm.model.model.layers:
            layer.self_attn.attention_dropout = 0.5
        torch.manual_seed(noise)
        Engine(lm, task, SHORT)._round()
        ends.append(weights(lm))
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def test_a_round_names_the_language_whose_pairs_are_known_best(new_lm: NewLm, task: Task) -> None:
    lm = new_lm(0)
    pairs = [replace(pair, lang=lang) for pair, lang in zip(task.pairs, ("en", "fr", "en", "fr"), strict=True)]
    seen = Engine(lm, replace(task, pairs=pairs), SHORT)._round()
    found: dict[str, list[float]] = {"en": [], "fr": []}
    with torch.inference_mode():
        for pair in pairs:
            first = lm.model(input_ids=torch.tensor([pair.text.ids])).logits[0].argmax(-1)
            found[pair.lang].append(float(np.mean([int(first[p - 1]) == pair.text.ids[p] for p in pair.text.answer])))
    means = {lang: float(np.mean(own)) for lang, own in found.items()}
    assert seen.worst[1] == pytest.approx(max(means.values()))
    assert means[seen.worst[0]] == max(means.values())


def test_without_a_checkpoint_nothing_is_restored(new_lm: NewLm, task: Task, tmp_path: Path) -> None:
    engine = Engine(new_lm(0), task, SHORT)
    assert not checkpoint.restore(engine, tmp_path)
    assert engine.progress.step == 0


def test_cached_states_give_the_models_own_logits(new_lm: NewLm, task: Task) -> None:
    lm = new_lm(3)
    texts = [*task.given, *task.made]
    teacher = Teacher.run(lm, texts)
    rows = [4, 0, 7]
    positions = [range(1, len(texts[r].ids)) for r in rows]
    with torch.inference_mode():
        live = torch.cat([lm.model(input_ids=torch.tensor([texts[r].ids])).logits[0, :-1] for r in rows])
        torch.testing.assert_close(teacher.head(teacher.hidden(rows, positions)), live, atol=1e-4, rtol=1e-4)


def test_the_teacher_does_not_learn_with_the_model(new_lm: NewLm, task: Task) -> None:
    lm = new_lm(3)
    teacher = Teacher.run(lm, task.given)
    before = teacher.head(teacher.hidden([0], [(1, 2)])).clone()
    with torch.no_grad():
        for parameter in lm.model.parameters():
            parameter.add_(0.5)
    assert torch.equal(teacher.head(teacher.hidden([0], [(1, 2)])), before)


def naive_retain(teacher: Lm, student: Lm, text: Encoded, kappa: float | None) -> float:
    """The definition, token by token: kappa is the teacher's probability of the token that comes next."""
    losses = []
    for t in range(1, len(text.ids)):
        prefix, target = torch.tensor([text.ids[:t]]), text.ids[t]
        with torch.inference_mode():
            p, q = (torch.log_softmax(lm.model(input_ids=prefix).logits[0, -1], -1) for lm in (teacher, student))
        weight = float(p[target].exp()) if kappa is None else kappa
        losses.append(weight * float((p.exp() * (p - q)).sum()) - (1 - weight) * float(q[target]))
    return float(np.mean(losses))


@pytest.mark.parametrize(("part", "kappa"), [("given", None), ("given", 0.3), ("made", None)])
def test_retain_loss_is_its_definition_on_a_model_that_has_moved(
    new_lm: NewLm, task: Task, part: str, kappa: float | None
) -> None:
    text = task.given[1]
    given, made = ([text] if part == kind else [] for kind in ("given", "made"))
    own = replace(task, given=given, made=made, seed=0)
    lm = new_lm(3)
    engine = Engine(lm, own, Method("x", kappa=kappa, made_share=0.0, retain_tokens=10))
    lm.model.load_state_dict(new_lm(4).model.state_dict())
    # Text drawn by chance is imitated and never taught.
    wanted = naive_retain(new_lm(3), new_lm(4), text, 1.0 if part == "made" else kappa)
    assert engine._retain() == pytest.approx(wanted, rel=1e-4)


def test_forget_loss_is_the_distance_of_the_answers_tokens_from_their_levels(new_lm: NewLm, task: Task) -> None:
    lm = new_lm(3)
    losses = []
    lm.model.requires_grad_(False)
    for one, levels in zip(task.pairs, task.levels, strict=True):
        for p, level in zip(one.text.answer, levels, strict=True):
            logits = lm.model(input_ids=torch.tensor([one.text.ids[:p]])).logits[0, -1]
            far = abs(float(torch.log_softmax(logits, -1)[one.text.ids[p]]) - float(level))
            losses.append(DELTA * (far - DELTA / 2) if far > DELTA else far * far / 2)
    lm.model.requires_grad_(True)
    engine = Engine(lm, task, SHORT)
    assert engine._forget([2, 0, 3, 1]) == pytest.approx(float(np.mean(losses)), rel=1e-4)


def test_a_run_brings_answers_towards_their_levels_and_visits_every_pair(new_lm: NewLm, task: Task, tmp_path: Path) -> None:
    rounds = run(new_lm(0), task, tmp_path, cycles=1)
    assert rounds[-1].distance < 0.7 * rounds[0].distance
    assert sum(rounds[-1].live.values()) <= len(task.pairs)
    assert [r.number for r in rounds] == [1, 2, 3, 4]


def test_the_rate_warms_up_and_goes_down_and_later_cycles_are_gentler(new_lm: NewLm, task: Task) -> None:
    engine = Engine(new_lm(0), task, Method("x", warmup=4, rounds=10, steps_per_round=10, mend=0.5))
    rates = []
    for step in (0, 3, 50, 75, 99):
        engine.progress.step = step
        rates.append(engine._rate())
    assert rates == pytest.approx([0.25, 1.0, 1.0, 0.5, 0.02], abs=1e-6)
    engine.progress.cycle, engine.progress.step = 1, 20
    assert math.isclose(engine._rate(), 0.5)


def test_a_run_ends_though_it_is_not_done(new_lm: NewLm, task: Task) -> None:
    seen: list[Round] = []
    engine = Engine(new_lm(0), task, Method("x", rounds=1, steps_per_round=1, live_pairs=1, retain_tokens=10))
    engine.run(lambda _: False, seen.append, lambda _: None)
    assert len(seen) == CYCLES


def test_alternate_steps_forget_and_then_retain(new_lm: NewLm, task: Task) -> None:
    engine = Engine(new_lm(0), task, Method("lingtea", forget="ascent", alternate=True, made_share=0.0, retain_tokens=20))
    forget, retain = zip(*(engine._step() for _ in range(2)), strict=True)
    assert forget[0] < 0.0 == retain[0]
    assert forget[1] == 0.0 < retain[1]
