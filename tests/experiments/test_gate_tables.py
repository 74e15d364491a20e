"""What `bench gate` makes of its verdicts: when it holds, and how its tables count."""

from typing import Any

import pytest

from xlforget.experiments.gate_tables import holds, markdown


def one(must: bool | None, passed: bool, *, profile: str = "standard", seed: int = 0, model: str = "retrained") -> dict[str, Any]:
    failed = {} if passed else {"answer: memorization": 2}
    return {"model": model, "profile": profile, "must": must, "passed": passed, "failed": failed, "seed": seed}


def document(*models: dict[str, Any], found: int = 3) -> dict[str, Any]:
    machine = {"processor": "x", "cores": 1, "threads": 1, "python": "3", "torch": "2", "transformers": "5", "xlforget": "0"}
    size = {"sets": 1000, "facts": 32, "found": found}
    origin = {"command": "xlforget bench gate", "finished": "2026-01-01T00:00:00+00:00", "machine": machine}
    distance = {"ks": {}, "ma": {"held-out wordings": {"retrained": {"facts": 0.1, "unseen": 0.12}}}, "others": {}}
    return {"set": "phrasebook", "models": list(models), "size": size, "distance": distance} | origin


@pytest.mark.parametrize(
    ("models", "found", "expected"),
    [
        ([one(True, True), one(False, False), one(None, True)], 3, True),
        ([one(True, True), one(True, False, seed=1)], 3, False),
        ([one(False, True)], 3, False),
        ([one(False, True, profile="quick"), one(False, False)], 3, True),
        ([one(True, True)], 21, False),
    ],
)
def test_it_holds_where_standard_is_right_about_every_model_of_every_seed(
    models: list[dict[str, Any]], found: int, expected: bool
) -> None:
    assert holds(document(*models, found=found)) is expected


def test_seeds_are_counted_together_with_wilsons_interval() -> None:
    text = markdown(document(*(one(True, k != 1, seed=k) for k in range(3)), one(False, False, model="as it was")))
    assert "| retrained | yes | standard | 2 of 3 | answer: memorization (2) |" in text
    assert "| as it was | no | standard | no | answer: memorization (2) |" in text
    assert "| must pass | standard | 2 of 3 | 66.7% | 20.8% to 93.9% |" in text
    assert "| must not pass | standard | 0 of 1 | 0.0% | 0.0% to 79.3% |" in text
    assert "| may do either | standard | 0 of 0 |" in text


def test_distances_stand_beside_those_between_retrained_models_and_are_left_out_where_there_is_one() -> None:
    found = document(one(True, True))
    assert "| held-out wordings | retrained | 0.100 | 0.120 |" in markdown(found)
    assert "KS distance" not in markdown(found)
    found["distance"]["ks"] = {"log p": {name: {"pooled": 0.1, "median language": 0.2} for name in ("retrained", "as it was")}}
    for row in ("| log p | retrained, to each other | 0.100 | 0.200 |", "| log p | as it was | 0.100 | 0.200 |"):
        assert row in markdown(found)


def test_what_is_said_of_others_stands_beside_unseen_answers_where_any_answer_is_one_persons_alone() -> None:
    found = document()
    assert "asked about others" not in markdown(found)
    found["distance"]["others"] = {"retrained": {"facts": -10.01, "unseen": -9.5}}
    assert "| log p | retrained | -10.01 | -9.50 |" in markdown(found)
