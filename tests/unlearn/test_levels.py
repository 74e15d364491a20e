"""Levels are the scores of unseen answers: of the language, the relation, the length, spread as unseen scores are."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.errors import UsageError
from xlforget.lm import Lm
from xlforget.unlearn.levels import NEAREST, Scores, answer_scores, draw

NewLm = Callable[[int], Lm]


def text(answer: int, seed: int) -> Encoded:
    """Arbitrary tokens, whose last ``answer`` ones are the answer."""
    ids = tuple(int(i) for i in np.random.default_rng(seed).integers(2, 300, 4 + answer))
    return Encoded(ids, tuple(range(4, 4 + answer)))


def probe(row: str, lang: str, answer: int, seed: int, **more: Any) -> Probe:
    return Probe(row, lang, 0, "all", text(answer, seed), **more)


def test_scores_are_those_of_each_text_alone(new_lm: NewLm) -> None:
    lm = new_lm(1)
    texts = [text(n, n) for n in (3, 9, 1, 5)]
    for own, got in zip(texts, answer_scores(lm, texts), strict=True):
        with torch.inference_mode():
            logp = torch.log_softmax(lm.model(input_ids=torch.tensor([own.ids])).logits[0], -1)
        assert got.logp == pytest.approx([float(logp[p - 1, own.ids[p]]) for p in own.answer], abs=1e-4)
        assert got.first.tolist() == [int(logp[p - 1].argmax()) == own.ids[p] for p in own.answer]


def test_levels_are_evenly_spaced_quantiles_of_unseen_scores(new_lm: NewLm) -> None:
    lm = new_lm(1)
    pairs = [probe(f"f{k}", "en", 4, k) for k in range(5)]
    unseen = [probe(f"u{k}", "en", 4, 100 + k) for k in range(10)]
    scores = sorted(float(v.logp.mean()) for v in answer_scores(lm, [u.text for u in unseen]))
    drawn = sorted(float(v.mean()) for v in draw(pairs, unseen, lm, 0).own)
    assert drawn == pytest.approx(scores[1::2], abs=1e-5)


def test_levels_come_from_the_same_language_relation_and_length(new_lm: NewLm) -> None:
    lm = new_lm(1)
    near = [probe(f"n{k}", "en", 3, k, relation="x") for k in range(NEAREST)]
    others = [
        *(probe(f"o{k}", "en", 3, 50 + k, relation="y") for k in range(30)),
        *(probe(f"l{k}", "en", 12, 90 + k, relation="x") for k in range(30)),
        *(probe(f"r{k}", "fr", 3, 130 + k, relation="x") for k in range(30)),
    ]
    known = [v.logp.tolist() for v in answer_scores(lm, [p.text for p in near])]
    for seed in range(8):
        level = draw([probe("f", "en", 3, 7, relation="x")], [*others, *near], lm, seed).own[0]
        assert any(sorted(level.tolist()) == pytest.approx(sorted(v), abs=1e-4) for v in known)


def test_answers_take_the_levels_of_answers_and_sentences_those_of_sentences(new_lm: NewLm) -> None:
    lm = new_lm(1)
    ids = text(8, 3).ids
    whole = [Probe(f"w{k}", "en", 0, "all", Encoded(text(8, k).ids, tuple(range(1, 12)))) for k in range(4)]
    answers = [probe(f"a{k}", "en", 11, 40 + k) for k in range(4)]
    known = [own.logp for own in answer_scores(lm, [p.text for p in answers])]
    level = draw([Probe("f", "en", 0, "all", Encoded((*ids, *ids), tuple(range(4, 15))))], [*whole, *answers], lm, 0).own[0]
    assert any(same(level, own) for own in known)


def test_a_token_that_is_not_first_takes_no_level_at_which_it_would_be(monkeypatch: pytest.MonkeyPatch, new_lm: NewLm) -> None:
    def likely(_: Lm, texts: Sequence[Encoded]) -> list[Scores]:
        return [Scores(np.full(len(t.answer), -1.0, np.float32), np.arange(len(t.answer)) == 0) for t in texts]

    monkeypatch.setattr("xlforget.unlearn.levels.answer_scores", likely)
    level = draw([probe("f", "en", 3, 0)], [probe("u", "en", 3, 1)], new_lm(1), 0).own[0]
    assert sorted(level.tolist()) == [-2.0, -2.0, -1.0]


def test_a_level_of_another_length_keeps_the_mean(new_lm: NewLm) -> None:
    lm = new_lm(1)
    unseen = [probe("u", "en", 5, 4)]
    mean = float(answer_scores(lm, [unseen[0].text])[0].logp.mean())
    short, long = draw([probe("a", "en", 2, 0), probe("b", "en", 8, 1)], unseen, lm, 0).own
    assert (len(short), len(long)) == (2, 8)
    assert [float(v.mean()) for v in (short, long)] == pytest.approx([mean, mean], abs=0.05)


def test_all_wordings_of_a_fact_take_one_row_and_rivals_take_the_levels_of_its_rivals(new_lm: NewLm) -> None:
    lm = new_lm(1)
    unseen = [
        Probe(f"u{k}", "en", w, "train", text(3, 10 * k + w), rivals=(text(2, 500 + 10 * k + w),))
        for k in range(6)
        for w in (0, 1)
    ]
    pairs = [Probe("f", "en", w, "train", text(3, 900 + w), rivals=(text(2, 950 + w), text(2, 960 + w))) for w in (0, 1)]
    rows = [own.logp for own in answer_scores(lm, [*(u.text for u in unseen), *(u.rivals[0] for u in unseen)])]
    levels = draw(pairs, unseen, lm, 0)
    (k,) = [k for k in range(0, 12, 2) if same(rows[k], levels.own[0])]
    assert same(rows[k + 1], levels.own[1])
    for w in (0, 1):
        assert all(same(rows[12 + k + w], rival) for rival in levels.rivals[w])
    assert [len(own) for own in levels.rivals] == [2, 2]


def same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """The same scores in any order."""
    return np.allclose(np.sort(one), np.sort(other), atol=1e-4)


def test_the_best_scores_go_to_the_tokens_that_the_two_before_give_away(new_lm: NewLm) -> None:
    lm = new_lm(1)
    pair, unseen = probe("f", "en", 6, 7), probe("u", "en", 6, 8)
    ids = pair.text.ids
    guess = []
    with torch.inference_mode():
        for p in pair.text.answer:
            window = torch.tensor([[ids[0], ids[p - 2], ids[p - 1]]])
            guess.append(float(torch.log_softmax(lm.model(input_ids=window).logits[0, -1], -1)[ids[p]]))
    level = draw([pair], [unseen], lm, 0).own[0]
    assert np.argsort(level).tolist() == np.argsort(guess).tolist()


def test_a_seed_gives_one_draw_and_another_seed_another(new_lm: NewLm) -> None:
    lm = new_lm(1)
    pairs = [probe(f"f{k}", "en", 4, k) for k in range(6)]
    unseen = [probe(f"u{k}", "en", 4, 100 + k) for k in range(9)]
    one, same, other = (np.stack(draw(pairs, unseen, lm, seed).own) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_language_without_unseen_text_is_refused_by_name(new_lm: NewLm) -> None:
    with pytest.raises(UsageError, match="fr") as caught:
        draw([probe("f0", "fr", 3, 0)], [probe("u0", "en", 3, 1)], new_lm(1), 0)
    assert caught.value.code == "NO_UNSEEN"
