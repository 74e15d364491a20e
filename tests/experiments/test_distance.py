"""Distances to retrained models: among themselves, of others to them, and with each model's own level taken off."""

import numpy as np
import pytest

from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.experiments.distance import distances, scored
from xlforget.measure.scores import ProbeScores, Sheet

TEXT, LANGS = Encoded((0, 1), (1,)), ("en", "fr")
PHONE, NAME = "phone_number", "employer"


def sheet(name: str, levels: dict[str, list[float]], ma: float = 0.1, margin: float = float("nan")) -> Sheet:
    """``levels``: by relation, the log-probability of each row, in French a nat lower."""
    rows = [(f"{name}-{relation}-{k}", relation, value) for relation, own in levels.items() for k, value in enumerate(own)]
    probes = [
        Probe(row, lang, k, role, TEXT, relation=relation)
        for row, relation, _ in rows
        for lang in LANGS
        for k, role in enumerate(("train", "gate"))
    ]
    scores = [
        ProbeScores(ma + 0.2 * (role == "gate"), value - (lang == "fr"), margin, 0.0)
        for _, _, value in rows
        for lang in LANGS
        for role in ("train", "gate")
    ]
    return Sheet(probes, scores)


def test_each_models_own_unseen_answers_of_the_kind_are_its_level() -> None:
    facts, controls = {PHONE: [-4.0, -6.0], NAME: [-9.0]}, {PHONE: [-5.0, -7.0], NAME: [-10.0]}
    found = scored(sheet("f", facts), sheet("c", controls), LANGS).tables
    assert found["log p"].tolist() == [[-4, -5], [-6, -7], [-9, -10]]
    assert found["log p less unseen"].tolist() == [[2, 2], [0, 0], [1, 1]]
    assert "margin" not in found
    of_all = scored(sheet("f", facts), sheet("c", {NAME: [-10.0, -12.0]}), LANGS).tables
    assert of_all["log p less unseen"].tolist() == [[7, 7], [5, 5], [2, 2]]


def test_ma_is_that_of_each_sort_of_wordings() -> None:
    found = scored(sheet("f", {PHONE: [-4.0]}, ma=0.3, margin=1.0), sheet("c", {PHONE: [-5.0]}, ma=0.1), LANGS)
    assert found.ma["the request's wordings"] == pytest.approx((0.3, 0.1))
    assert found.ma["held-out wordings"] == pytest.approx((0.5, 0.3))
    assert set(found.tables) == {"log p", "log p less unseen", "margin"}


def test_others_are_held_against_every_retrained_model_and_these_against_each_other() -> None:
    def model(*columns: list[float]) -> dict[str, np.ndarray]:
        return {"log p": np.array(columns).T}

    low, high = [0.0, 1.0, 2.0, 3.0], [10.0, 11.0, 12.0, 13.0]
    half = [0.0, 1.0, 12.0, 13.0]
    models = {"retrained": [model(low, low), model(low, low), model(low, half)], "erased": [model(high, low), model(low, low)]}
    found = distances(models)["log p"]
    assert found["retrained"] == {"pooled": pytest.approx(2 * 0.25 / 3), "median language": pytest.approx(2 * 0.25 / 3)}
    # high and low beside low twice: half of all figures lie above; beside (low, half): by language 1 and 0.5, pooled 0.25.
    assert found["erased"]["pooled"] == pytest.approx((0.5 + 0.5 + 0.25 + 0 + 0 + 0.25) / 6)
    assert found["erased"]["median language"] == pytest.approx((0.5 + 0.5 + 0.75 + 0 + 0 + 0.25) / 6)


def test_a_figure_that_is_missing_is_left_out() -> None:
    gap = [np.nan] * 3
    first, second = np.array([[0.0, 1.0, np.nan], gap]).T, np.array([[0.0, 1.0, 5.0], gap]).T
    own = [{"log p": first}, {"log p": first}]
    found = distances({"retrained": own, "erased": [{"log p": second}]})["log p"]["erased"]
    assert found == {"pooled": pytest.approx(1 / 3), "median language": pytest.approx(1 / 3)}


def test_one_retrained_model_alone_is_no_measure() -> None:
    table = {"log p": np.zeros((3, 1))}
    assert distances({"retrained": [table], "erased": [table]}) == {}
