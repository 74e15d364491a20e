"""Where answers are led, as it moves: after unseen text, and down from a first place that they should not have."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from xlforget.corpus.encode import Encoder
from xlforget.corpus.probes import Probe
from xlforget.lm import Lm
from xlforget.unlearn.aims import STEP, Aims
from xlforget.unlearn.levels import Scores, answer_scores

NewLm = Callable[[int], Lm]


@pytest.fixture
def probes(encoder: Encoder, sentences: Sequence[str]) -> list[Probe]:
    return [Probe(f"r{k}", "fr" if k % 2 else "en", 0, "all", encoder.encode(text, None)) for k, text in enumerate(sentences)]


def scores(first: Sequence[bool], logp: float = -8.0) -> Scores:
    return Scores(np.full(len(first), logp, np.float32), np.array(first))


def knowing(share: float, new_lm: NewLm, probes: list[Probe]) -> Aims:
    """Aims of one pair, where unseen text has this share of its tokens in the first place."""
    aims = Aims(probes[:1], [np.array([-0.1, -5.0, -6.0], np.float32)], probes[2:], new_lm(0))
    aims.restore(aims.state() | {"now": {"en": (aims.state()["now"]["en"][0], share)}})
    return aims


def test_a_token_that_is_first_and_should_not_be_goes_down_each_round_and_others_stay(new_lm: NewLm, probes: list[Probe]) -> None:
    aims = knowing(0.34, new_lm, probes)
    for _ in range(2):
        aims.look([scores([True, True, False])])
    assert aims.of(0).tolist() == pytest.approx([-0.1, -5.0 - 2 * STEP, -6.0])
    aims.look([scores([True, True, True], logp=-0.05)])  # still known by heart, and on its way
    assert aims.of(0).tolist() == pytest.approx([-0.1, -5.0 - 2 * STEP, -6.0])


def test_no_more_tokens_may_be_first_than_of_unseen_text(new_lm: NewLm, probes: list[Probe]) -> None:
    aims = knowing(0.0, new_lm, probes)
    aims.look([scores([True, False, False])])
    assert aims.of(0).tolist() == pytest.approx([-0.1 - STEP, -5.0, -6.0])


def test_a_distance_is_measured_against_the_spread_of_levels_within_a_language(new_lm: NewLm, probes: list[Probe]) -> None:
    levels = [np.full(2, level, np.float32) for level in (-9.0, -3.0, -5.0, -3.0)]
    assert Aims(probes[:4], levels, probes[4:], new_lm(0)).spread == pytest.approx(1.0)
    assert Aims(probes[:4], [own * 2 for own in levels], probes[4:], new_lm(0)).spread == pytest.approx(2.0)
    assert Aims(probes[:1], levels[:1], probes[4:], new_lm(0)).spread == 1.0  # nothing to compare with is not no distance


def test_levels_follow_unseen_text_of_their_language(new_lm: NewLm, probes: list[Probe]) -> None:
    lm, moved = new_lm(0), new_lm(0)
    with torch.no_grad():
        for parameter in moved.model.parameters():
            parameter.mul_(2.0)
    unseen = probes[4:]
    aims = Aims(probes[:2], [np.full(3, -9.0, np.float32), np.full(3, -7.0, np.float32)], unseen, lm)
    aims.follow(moved)
    for number, lang in enumerate(("en", "fr")):
        texts = [probe.text for probe in unseen if probe.lang == lang]
        was, now = (np.mean([own.logp.mean() for own in answer_scores(one, texts)]) for one in (lm, moved))
        wanted = min(0.0, (-9.0, -7.0)[number] + float(now - was))
        assert aims.of(number).tolist() == pytest.approx([wanted] * 3, abs=1e-4)
        assert abs(now - was) > 0.01


def test_a_language_without_unseen_text_stays_where_it_is(new_lm: NewLm, probes: list[Probe]) -> None:
    aims = Aims([replace(probes[0], lang="hi")], [np.full(2, -9.0, np.float32)], probes[2:], new_lm(0))
    aims.follow(new_lm(1))
    assert aims.of(0).tolist() == [-9.0, -9.0]


def test_what_was_moved_can_be_written_down_and_read_back(new_lm: NewLm, probes: list[Probe]) -> None:
    levels = [np.array([-5.0, -6.0], np.float32)]
    aims, again = (Aims(probes[:1], levels, probes[2:], new_lm(0)) for _ in range(2))
    aims.look([scores([True, False])])
    aims.follow(new_lm(1))
    again.restore(aims.state())
    assert again.of(0).tolist() == aims.of(0).tolist() != levels[0].tolist()
