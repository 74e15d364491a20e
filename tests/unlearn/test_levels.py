"""Levels are the scores of unseen answers: of the language, of about the length, each used once before any again."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.errors import UsageError
from xlforget.lm import Lm
from xlforget.unlearn.levels import answer_logp, draw

NewLm = Callable[[int], Lm]


def probe(row: str, lang: str, answer: int, seed: int) -> Probe:
    """A text of arbitrary tokens whose last ``answer`` ones are the answer."""
    ids = tuple(int(i) for i in np.random.default_rng(seed).integers(2, 300, 4 + answer))
    return Probe(row, lang, 0, "all", Encoded(ids, tuple(range(4, 4 + answer))))


def test_scores_are_those_of_each_text_alone(new_lm: NewLm) -> None:
    lm = new_lm(1)
    texts = [probe("a", "en", n, n).text for n in (3, 9, 1, 5)]
    for text, got in zip(texts, answer_logp(lm, texts), strict=True):
        with torch.inference_mode():
            logp = torch.log_softmax(lm.model(input_ids=torch.tensor([text.ids])).logits[0], -1)
        assert got == pytest.approx([float(logp[p - 1, text.ids[p]]) for p in text.answer], abs=1e-4)


def test_every_unseen_answer_is_used_once_before_any_again(new_lm: NewLm) -> None:
    lm = new_lm(1)
    pairs = [probe(f"f{k}", "en", 4, k) for k in range(6)]
    unseen = [probe(f"u{k}", "en", 4, 100 + k) for k in range(3)]
    known = [tuple(np.round(v, 4)) for v in answer_logp(lm, [u.text for u in unseen])]
    drawn = [tuple(np.round(v, 4)) for v in draw(pairs, unseen, lm, 0)]
    assert sorted(drawn) == sorted(known * 2)


def test_levels_come_from_the_same_language_and_fit_the_answer(new_lm: NewLm) -> None:
    lm = new_lm(1)
    pairs = [probe("f0", "en", 3, 0), probe("f1", "fr", 8, 1)]
    unseen = [probe("u0", "en", 3, 2), probe("u1", "en", 12, 3), probe("u2", "fr", 5, 4)]
    short, _, french = answer_logp(lm, [u.text for u in unseen])
    levels = draw(pairs, unseen, lm, 0)
    assert levels[0].tolist() == pytest.approx(short.tolist(), abs=1e-4)
    assert levels[1][:5].tolist() == pytest.approx(french.tolist(), abs=1e-4)
    assert len(levels[1]) == 8
    assert all(np.abs(french - v).min() < 1e-4 for v in levels[1][5:])


def test_a_seed_gives_one_draw_and_another_seed_another(new_lm: NewLm) -> None:
    lm = new_lm(1)
    pairs = [probe(f"f{k}", "en", 4, k) for k in range(6)]
    unseen = [probe(f"u{k}", "en", 4, 100 + k) for k in range(9)]
    one, same, other = (np.stack(draw(pairs, unseen, lm, seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_language_without_unseen_text_is_refused_by_name(new_lm: NewLm) -> None:
    with pytest.raises(UsageError, match="fr") as caught:
        draw([probe("f0", "fr", 3, 0)], [probe("u0", "en", 3, 1)], new_lm(1), 0)
    assert caught.value.code == "NO_UNSEEN"
