"""A dry run: what it counts is what a run reads, its steps change nothing, and it does not try what would not fit."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from xlforget import planning, rehearsal
from xlforget.asked import Apply
from xlforget.corpus.encode import Encoder
from xlforget.lm import Lm
from xlforget.model_io import Opened
from xlforget.planning import Plan
from xlforget.rehearsal import Rehearsal
from xlforget.unlearn.engine import Engine
from xlforget.unlearn.made import make
from xlforget.unlearn.methods import method
from xlforget.unlearn.unlearn import task_of

NewLm = Callable[[int], Lm]
PEOPLE = (("Zorvana Quillfeather", "Tarnwick"), ("Tamsin Oxgrove", "Harrowfen"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rehearsal")


@pytest.fixture(scope="module")
def asked(place: Path) -> Apply:
    rows = [
        {"id": f"F{k}", "subject": {"en": who, "fr": who}, "relation": "city_of_residence", "object": {"en": where, "fr": where}}
        for k, (who, where) in enumerate(PEOPLE)
    ]
    (place / "request.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "retain.jsonl").write_text("".join(json.dumps({"text": f"A kettle sings in room {k}."}) + "\n" for k in range(20)))
    return Apply(
        requests=(str(place / "request.jsonl"),),
        model="m",
        out=place / "out",
        key=None,
        languages=("en", "fr"),
        retain=str(place / "retain.jsonl"),
        method=method("adaptive", rounds=2, retain_tokens=300),
        samples=300,
    )


@pytest.fixture(scope="module")
def plan(asked: Apply, encoder: Encoder, new_lm: NewLm, place: Path) -> Plan:
    base = Opened(place, "base", {}, new_lm(0), Encoder(encoder.tokenizer, 128))
    return planning.plan(asked, planning.read_inputs(asked), base)


State = tuple[dict[str, torch.Tensor], list[Path]]


def state(plan: Plan, place: Path) -> State:
    """The model's weights, and all files."""
    return {name: value.clone() for name, value in plan.base.lm.model.state_dict().items()}, sorted(place.rglob("*"))


@pytest.fixture(scope="module")
def seen(asked: Apply, plan: Plan, place: Path) -> tuple[Rehearsal, State, State]:
    """One rehearsal for the tests to look at, and how things were before and after it."""
    before = state(plan, place)
    return rehearsal.rehearse(asked, plan), before, state(plan, place)


@pytest.fixture(scope="module")
def rehearsed(seen: tuple[Rehearsal, State, State]) -> Rehearsal:
    return seen[0]


def test_it_counts_what_a_run_reads(asked: Apply, plan: Plan, rehearsed: Rehearsal) -> None:
    found = rehearsed
    assert (found.facts, found.pairs) == (2, 4)
    assert found.tokens.facts == sum(len(p.text.ids) for p in plan.corpus.facts)
    assert found.tokens.retain == sum(len(t.text.ids) for t in plan.corpus.retain)
    lm, enough = plan.base.lm, asked.method.made_tokens(given=True)
    made = make(lm, plan.base.encoder, plan.corpus, plan.parallel.usable(), 300, enough, 0, 0, lambda done, total: None)
    engine = Engine(lm, task_of(lm, plan.corpus, made, asked.method, 0), asked.method)
    cached = sum(map(len, engine.task.imitated))
    assert found.tokens.cached == pytest.approx(cached, rel=0.25)
    assert found.memory.cache == found.tokens.cached * 64 * 4
    visits = 60
    each = [engine.terms.forget(range(len(engine.pairs)), [k] * len(engine.pairs)) for k in range(visits)]
    forget = sum(len(engine.texts[row].ids) for everything in each for row in {one.row for one in everything}) / visits
    assert found.tokens.forget_step == pytest.approx(forget, rel=0.1)
    assert found.tokens.retain_step == 300


def test_nothing_is_changed_and_nothing_is_left(seen: tuple[Rehearsal, State, State]) -> None:
    found, (weights, files), (weights_after, files_after) = seen
    assert found.seconds is not None
    assert found.seconds.one_cycle == found.seconds.sampling + found.seconds.measuring + found.seconds.training > 0
    assert files_after == files
    for name, value in weights_after.items():
        assert torch.equal(value, weights[name]), name


def test_what_does_not_fit_is_not_tried(asked: Apply, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Engine) -> tuple[float, float]:
        raise AssertionError("tried")

    monkeypatch.setattr(Engine, "_step", never)
    monkeypatch.setattr(rehearsal, "_free", lambda device: 1000)
    found = rehearsal.rehearse(asked, plan)
    assert found.seconds is None
    assert found.memory.peak > found.free
    assert json.loads(json.dumps(found.to_json()))["memory"]["peak"] == found.memory.peak


def test_a_step_that_turns_out_not_to_fit_ends_the_trial(asked: Apply, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Engine, asked: object, budget: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(Engine, "_backward", full)
    assert rehearsal.rehearse(asked, plan).seconds is None


def test_longer_training_takes_longer(asked: Apply, plan: Plan) -> None:
    """One right after the other, on a machine that may have more to do at times."""
    short, long = (
        rehearsal.rehearse(replace(asked, method=replace(asked.method, rounds=rounds)), plan).seconds for rounds in (2, 20)
    )
    assert short is not None
    assert long is not None
    assert long.training > 2 * short.training
