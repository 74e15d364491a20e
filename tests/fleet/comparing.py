"""What rank 0 of two processes does in `test_divided`: compares a sharded model with the whole one."""

import gc
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xlforget import model_io
from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.corpus.samples import sample
from xlforget.fleet import weights
from xlforget.fleet.fleet import current, together
from xlforget.fleet.sharded import ShardedLm
from xlforget.lm import Lm
from xlforget.measure.attacks import Attack, Ground, Relearned, Rounded, put_through
from xlforget.measure.memorization import token_scores
from xlforget.unlearn import divided
from xlforget.unlearn.levels import answer_scores
from xlforget.unlearn.memory import PLAIN
from xlforget.unlearn.optimizer import Optimizer
from xlforget.unlearn.step import IMITATE, LEARN, TEACHERS_OWN, Asked
from xlforget.unlearn.teacher import Teacher
from xlforget.unlearn.trained import Trained, train

BUDGET = 40  # tokens at once: several passes, and not as many on each rank
HOW: dict[str, Any] = {"lr": 1e-3, "beta2": 0.99, "seed": 0}


def texts() -> list[Encoded]:
    """Rows of different lengths with answers in their middle."""
    draw = np.random.default_rng(0)
    lengths = [4, 30, 9, 17, 5, 21, 12, 3, 26]
    return [Encoded(tuple(int(i) for i in draw.integers(4, 90, n)), tuple(range(n // 2, n - 1))) for n in lengths]


def asked() -> list[Asked]:
    """Every kind, on rows of both ranks."""
    last = [len(text.ids) for text in texts()]
    return [
        Asked("retain", 1, range(1, last[1]), 0.25, TEACHERS_OWN),
        Asked("retain", 3, range(1, last[3]), 0.5, 0.3),
        Asked("forget", 5, (4, 5), 0.5, levels=np.array([-9.0, -3.0], np.float32)),
        Asked("context", 5, range(1, 4), 0.75),
        Asked("retain", 6, range(1, last[6]), 0.125, IMITATE),
        Asked("forget", 8, (2, 4), -0.25, LEARN),
        Asked("retain", 2, range(1, last[2]), 0.3, LEARN),
        Asked("forget", 4, (2, 3), 0.3, lowered=2.0),
    ]


@together
def gradients(lm: Lm) -> dict[str, torch.Tensor]:
    return {name: weights.complete(p.grad).clone() for name, p in lm.model.named_parameters() if p.grad is not None}


def held(lm: Lm) -> int:
    """Entries of parameters that lie on this rank."""
    return sum(p.to_local().numel() for p in lm.model.parameters())


def twins() -> int:
    """Objects that rank 1 keeps for rank 0."""
    fleet = current()
    return len(fleet.twins) if fleet and fleet.rank else 0


def largest(one: Any, other: Any) -> float:
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in zip(one, other, strict=True))


def relative(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The largest difference, in parts of the largest entry of all."""
    assert one.keys() == other.keys()
    scale = max(float(value.abs().max()) for value in other.values())
    return max(float((one[name] - value).abs().max()) for name, value in other.items()) / scale


def far(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The mean difference."""
    return float(np.mean([float((one[name] - value).abs().mean()) for name, value in other.items()]))


def parameters(lm: Lm) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in weights.whole(lm).named_parameters()}


def compare(folder: Path) -> dict[str, Any]:
    fleet = current()
    assert fleet is not None
    lm, alone = model_io.reopen(folder, "cpu"), model_io._checked(model_io._load(folder, "cpu"))
    assert isinstance(lm, ShardedLm)
    model_io.save(lm, folder, folder.with_name(f"{folder.name}.saved"))
    sharded, whole = parameters(lm), parameters(alone)
    found: dict[str, Any] = {
        "bitwise": whole.keys() == sharded.keys() and all(torch.equal(value, sharded[name]) for name, value in whole.items()),
        "held": fleet.call(held, [(lm,)] * fleet.size),
        "parameters": sum(p.numel() for p in alone.model.parameters()),
    }
    ours, theirs = token_scores(lm, texts(), BUDGET), token_scores(alone, texts(), BUDGET)
    found["logp"] = largest([s.logp for s in ours], [s.logp for s in theirs])
    found["ma"] = [s.ma for s in ours] == [s.ma for s in theirs]
    found["answers"] = largest([s.logp for s in answer_scores(lm, texts())], [s.logp for s in answer_scores(alone, texts())])
    found["no texts"] = token_scores(lm, [])
    how: dict[str, Any] = {"end": 7, "longest": 12, "seed": 3, "rows": 4}
    found["samples"] = [sample(lm, [0], n, **how) == sample(alone, [0], n, **how) for n in (3, 11)]
    found["few samples"] = sample(lm, [0], 40, tokens=60, **how) == sample(alone, [0], 40, tokens=60, **how)
    return found | {"attacks": [attacked(lm, alone, attack) for attack in (Rounded(4), Relearned(2))]} | step(lm, alone)


def attacked(lm: Lm, alone: Lm, attack: Attack) -> list[Any]:
    """How far scores are apart after an attack, how far it moved them, and whether the weights are then as they were."""
    at, ground = parameters(lm), Ground([Probe(f"f{k}", "en", 0, "all", text) for k, text in enumerate(texts())], [], 64)
    before, scores = token_scores(alone, texts()), []
    for own in (lm, alone):
        with put_through(own, attack, ground):
            scores.append([s.logp for s in token_scores(own, texts())])
    again = parameters(lm)
    same = all(torch.equal(again[name], value) for name, value in at.items())
    return [largest(*scores), largest(scores[1], [s.logp for s in before]), same]


def step(lm: Lm, alone: Lm) -> dict[str, Any]:
    everywhere = [range(1, len(text.ids)) for text in texts()]
    cached, teacher = Teacher.run(alone, texts(), everywhere), divided.teach(lm, texts(), everywhere)
    assert isinstance(teacher, divided.Divided)
    memory = replace(PLAIN, checkpointing=True)
    ours, plain = train(lm, memory, **HOW), Trained(alone, PLAIN, **HOW)
    losses = divided.backward(lm, teacher, texts(), asked(), BUDGET)
    found: dict[str, Any] = {
        "shares": [sum(teacher.homes[one.row][0] == rank for one in asked()) for rank in range(2)],
        "losses": largest([losses], [divided.backward(alone, cached, texts(), asked(), BUDGET)]),
        "gradients": relative(gradients(lm), gradients(alone)),
    }
    before = parameters(alone)
    for own in (ours, plain):
        own.optimizer.lean(0.01)
    found["leaned"] = [far(parameters(lm), before), far(parameters(alone), before), far(parameters(lm), parameters(alone))]
    for own, of in ((ours, teacher), (plain, cached)):
        own.optimizer.upright()
        divided.backward(lm if own is ours else alone, of, texts(), asked(), BUDGET)
    for own in (ours, plain):
        own.optimizer.step(1e-3, 1.0)
    states = [state(own.optimizer) for own in (ours, plain)]
    for part in ("exp_avg", "exp_avg_sq"):
        found[part] = relative(*({k: v for k, v in one.items() if k.endswith(part)} for one in states))
    found["moved"] = max(float((value - before[name]).abs().max()) for name, value in parameters(alone).items())
    return found | resumed(lm, teacher, ours)


def state(optimizer: Optimizer) -> dict[str, torch.Tensor]:
    return {name: value for part in optimizer.state() for name, value in part.items()}


def resumed(lm: Lm, teacher: Teacher, ours: Trained) -> dict[str, Any]:
    """Another step, and the same from what was saved before it."""

    def another(optimizer: Optimizer) -> dict[str, torch.Tensor]:
        optimizer.zero()
        divided.backward(lm, teacher, texts(), asked()[:1], BUDGET)
        optimizer.step(1e-3, 1.0)
        return parameters(lm)

    kept = [{name: value.clone() for name, value in part.items()} for part in ours.optimizer.state()]
    at = parameters(lm)
    second = another(ours.optimizer)
    fresh = train(lm, PLAIN, **HOW)
    for part in kept:
        fresh.optimizer.restore(part)
    again = another(fresh.optimizer)
    ours.finish()
    return {
        "restored": all(torch.equal(again[name], value) for name, value in second.items()),
        "went on": not all(torch.equal(at[name], value) for name, value in second.items()),
    }


def half(folder: Path) -> dict[str, Any]:
    """A model whose files are bf16, as it is computed with on a GPU, beside the same in fp32."""
    fleet = current()
    assert fleet is not None
    whole = model_io._checked(model_io._load(folder, "cpu"))
    lm = weights.divide(model_io._load(folder, "cpu").to(torch.bfloat16), fleet, "cpu")
    everywhere = [range(1, len(text.ids)) for text in texts()]
    for own in (lm, whole):
        train(own, PLAIN, **HOW)
        divided.backward(own, divided.teach(own, texts(), everywhere), texts(), asked(), BUDGET)
    return {
        "computed": str(lm.dtype),
        "held": sorted({str(p.dtype) for p in lm.model.parameters()} | {str(p.grad.dtype) for p in lm.model.parameters()}),
        "gradients": relative(gradients(lm), gradients(whole)),
    }


def all_of(place: Path) -> None:
    fleet = current()
    assert fleet is not None
    found = {folder.name: compare(folder) for folder in sorted(place.iterdir()) if folder.is_dir()}
    found |= {"half": half(place / "bloom")}
    gc.collect()
    left = {"twins": fleet.call(twins, [()] * 2)[1], "made": len(fleet.twins)}
    (place / "found.json").write_text(json.dumps(found | {"left": left}))
