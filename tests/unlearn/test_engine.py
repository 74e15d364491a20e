"""The loop: its losses are what the definitions say, and a run that was stopped ends where an unbroken one does."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from xlforget.corpus.batches import Batch
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.probes import Probe
from xlforget.errors import MachineError
from xlforget.lm import Lm
from xlforget.unlearn import checkpoint, states
from xlforget.unlearn.engine import CYCLES, Engine, Round
from xlforget.unlearn.levels import answer_scores
from xlforget.unlearn.memory import PLAIN, Memory
from xlforget.unlearn.methods import METHODS, Method
from xlforget.unlearn.step import Asked
from xlforget.unlearn.task import Task
from xlforget.unlearn.teacher import Cached, Teacher

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
    return Task(pairs, levels, pairs[:1], rivals, rival_levels, rivals_of, texts[:6], texts[6:], seed=11)


def weights(lm: Lm) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in lm.model.named_parameters()}


def run(lm: Lm, task: Task, work: Path, *, stop_after: int = 10**9, cycles: int = 1, memory: Memory = PLAIN) -> list[Round]:
    """A run as `unlearn` makes it, killed after ``stop_after`` rounds of its own."""
    engine, seen = Engine(lm, task, SHORT, memory=memory), list[Round]()
    checkpoint.restore(engine, work)

    def after(own: Engine) -> None:
        checkpoint.save(own, work)
        if len(seen) == stop_after:
            raise Stopped

    engine.run(lambda _: engine.progress.cycle >= cycles, seen.append, after)
    engine.trained.finish()
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


@pytest.mark.parametrize(
    "memory",
    [
        Memory(precision="bf16"),
        Memory(optimizer="adamw8bit"),
        Memory(optimizer="adamw8bit", precision="bf16"),
        Memory(lora_rank=4),
        Memory(lora_rank=4, precision="bf16", checkpointing=True),
    ],
    ids=["bf16", "8 bit", "8 bit, bf16", "lora", "lora, bf16, checkpointing"],
)
def test_a_stopped_run_ends_where_an_unbroken_one_does_whatever_it_does_with_memory(
    new_lm: NewLm, task: Task, tmp_path: Path, memory: Memory
) -> None:
    straight, first, second = new_lm(0), new_lm(0), new_lm(0)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    rounds = run(straight, task, tmp_path / "a", memory=memory)
    with pytest.raises(Stopped):
        run(first, task, tmp_path / "b", stop_after=2, memory=memory)
    assert run(second, task, tmp_path / "b", memory=memory) == rounds[2:]
    for name, value in weights(straight).items():
        assert torch.equal(value, weights(second)[name]), name
        assert value.dtype == torch.float32


def test_a_budget_that_did_not_fit_is_not_tried_again_after_a_stop(new_lm: NewLm, task: Task, tmp_path: Path) -> None:
    engine, again = (Engine(new_lm(0), task, SHORT) for _ in range(2))
    engine.progress.budget = 512
    checkpoint.save(engine, tmp_path)
    checkpoint.restore(again, tmp_path)
    assert again.progress.budget == 512


def test_a_step_that_does_not_fit_is_taken_in_smaller_parts_and_is_the_same_step(
    new_lm: NewLm, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model runs out of memory as CUDA says it does, above 40 tokens: not in the first batch of a step, but in a later."""
    ends = []
    for limit in (10**9, 40):
        lm = new_lm(0)
        hidden, sizes = lm.hidden, list[int]()

        def small(batch: Batch, limit: int = limit, hidden: Any = hidden, sizes: list[int] = sizes) -> torch.Tensor:
            if torch.is_grad_enabled():
                sizes.append(batch.ids.numel())
                if batch.ids.numel() > limit and len(sizes) > 1:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return hidden(batch)  # type: ignore[no-any-return]

        engine = Engine(lm, task, replace(SHORT, retain_tokens=200))
        engine.progress.budget = 128
        monkeypatch.setattr(lm, "hidden", small)
        engine._step()
        ends.append({name: p.grad.clone() for name, p in lm.model.named_parameters() if p.grad is not None})
    assert engine.progress.budget == 32
    assert sizes[0] > 40  # the gradients of this one were there when the next did not fit
    for name, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][name], atol=1e-5, rtol=1e-5, msg=name)


def test_a_machine_on_which_no_text_fits_is_said(new_lm: NewLm, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(new_lm(0), task, SHORT)

    def never(batch: Batch) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(engine.lm, "hidden", never)
    with pytest.raises(MachineError, match="not even one") as caught:
        engine._step()
    assert caught.value.code == "OUT_OF_MEMORY"


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


def asked(engine: Engine) -> dict[int, Asked]:
    return {one.row: one for one in engine.terms.keep(engine.progress.weight)}


def test_users_text_is_kept_as_kappa_has_it_and_made_text_is_imitated_only(new_lm: NewLm, task: Task) -> None:
    lm, given = new_lm(3), len(task.given)
    adaptive, constant = (Engine(lm, task, replace(SHORT, kappa=kappa, retain_tokens=400)) for kappa in (None, 0.3))
    for engine, kappa in ((adaptive, math.nan), (constant, 0.3)):
        kept = asked(engine)
        assert set(kept) == set(range(len(engine.terms.retain)))
        for row, one in kept.items():
            assert one.kappa == pytest.approx(kappa if row < given else 1.0, nan_ok=True)
            assert list(one.at) == list(range(1, len(engine.terms.retain[row].ids)))
        assert sum(one.weight * len(one.at) for one in kept.values()) == pytest.approx(SHORT.retain_least)


@pytest.mark.parametrize(("near", "wanted"), [(0.001, 2.0), (100.0, 3.0)])
def test_a_round_weighs_retain_text_anew_by_how_far_forgetting_has_come(
    new_lm: NewLm, task: Task, near: float, wanted: float
) -> None:
    engine = Engine(new_lm(0), task, replace(SHORT, near=near, due=0.0))
    engine._round()
    assert engine.progress.weight == wanted


def test_a_pairs_answer_is_led_and_what_stands_before_it_is_kept(new_lm: NewLm, task: Task) -> None:
    engine = Engine(new_lm(3), task, SHORT)
    wanted = engine.terms.forget([2, 0], [1, 0, 1, 0])
    answers = {one.row - len(engine.terms.retain): one for one in wanted if one.part == "forget"}
    assert {k: tuple(one.at) for k, one in answers.items()} == {k: task.pairs[k].text.answer for k in (2, 0)}
    assert all(np.array_equal(one.levels, engine.aims.of(k)) for k, one in answers.items() if one.levels is not None)
    before = {one.row - len(engine.terms.retain): tuple(one.at) for one in wanted if one.part == "context" and one.row < 16}
    assert before == {k: task.pairs[k].text.before for k in (2, 0)}
    for part in ("forget", "rivals", "context"):
        assert sum(one.weight * len(one.at) for one in wanted if one.part == part) >= 1.0 - 1e-9
    rivals = [one for one in wanted if one.part == "rivals"]
    assert [tuple(engine.texts[one.row].answer) for one in rivals] == [tuple(one.at) for one in rivals]


def test_a_run_brings_answers_towards_their_levels_and_visits_every_pair(
    new_lm: NewLm, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Levels stay here: a model that begins from nothing learns to write, and unseen text goes far."""
    engine, rounds = Engine(new_lm(0), task, SHORT), list[Round]()
    monkeypatch.setattr(engine.aims, "follow", lambda lm: None)
    before = engine.aims.distances(answer_scores(engine.lm, engine.pairs)).mean()
    engine.run(lambda _: True, rounds.append, lambda _: None)
    assert rounds[-1].distance < 0.3 * before
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
    assert forget[0] > 0.0 == retain[0]
    assert forget[1] == 0.0 < retain[1]


def test_ascent_makes_the_answers_less_likely(new_lm: NewLm, task: Task) -> None:
    method = Method("lingtea", forget="ascent", alternate=True, context_weight=0.0, warmup=1, lr=1e-3)
    engine = Engine(new_lm(0), task, method)
    before = [own.logp.mean() for own in answer_scores(engine.lm, engine.pairs)]
    engine._step()
    after = [own.logp.mean() for own in answer_scores(engine.lm, engine.pairs)]
    assert np.mean(after) < np.mean(before)


@pytest.mark.parametrize("name", METHODS)
def test_no_method_asks_the_teacher_where_it_was_not_run_nor_for_what_has_read_an_answer(
    new_lm: NewLm, task: Task, name: str
) -> None:
    """A `Cached` teacher refuses every other position (`test_teacher`). UNDIAL is made of what it says of the answers."""
    small = replace(METHODS[name], live_pairs=4, retain_tokens=120, lr=1e-4)
    task = replace(task, asks_answers=small.asks_answers)
    engine = Engine(new_lm(0), task, small)
    assert isinstance(engine.teacher, Cached)
    for _ in range(4):
        engine._step()
    pairs = list(zip(task.texts, task.imitated, strict=True))[len(engine.terms.retain) :][: len(task.pairs)]
    assert all(at.stop - 1 < text.answer[0] for text, at in pairs) or name == "undial"


def test_a_run_that_goes_on_ends_the_same_with_the_teachers_states_from_disk(new_lm: NewLm, task: Task, tmp_path: Path) -> None:
    ends = []
    for own in (None, states.Store(tmp_path / "states", "key"), states.Store(tmp_path / "states", "key")):
        lm = new_lm(0)
        engine = Engine(lm, task, SHORT, Teacher.run(lm, task.texts, task.imitated, own))
        engine._round()
        ends.append(weights(lm))
    for end in ends[1:]:
        assert all(torch.equal(value, end[name]) for name, value in ends[0].items())
