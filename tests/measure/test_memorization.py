"""Scores of a text: what the model would say, token by token, whatever else is in the batch."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.probes import Probe
from xlforget.lm import Lm
from xlforget.measure.memorization import TokenScores, token_scores
from xlforget.measure.scores import ProbeScores, Sheet, said, score_probes

NewLm = Callable[[int], Lm]


@pytest.fixture(scope="module")
def lm(new_lm: NewLm) -> Lm:
    return new_lm(7)


@pytest.fixture(scope="module")
def texts(encoder: Encoder, sentences: tuple[str, ...], lm: Lm) -> list[Encoded]:
    """Answers in the middle, at the end and as whole texts; one is the model's own greedy continuation."""
    spans = [(5, 12), None, (3, 9), None, (10, 16)]
    ids = list(encoder.encode(sentences[0], None).ids[:4])
    with torch.inference_mode():
        for _ in range(6):
            ids.append(int(lm.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    ids[7] = (ids[7] + 1) % 300
    greedy = Encoded(tuple(ids), tuple(range(4, 10)))
    return [greedy, *(encoder.encode(text, spans[k % 5]) for k, text in enumerate(sentences))]


def greedily(lm: Lm, text: Encoded) -> tuple[list[float], list[bool]]:
    """One forward pass for every true prefix."""
    logps, hits = [], []
    for p in text.answer:
        with torch.inference_mode():
            logits = lm.model(input_ids=torch.tensor([text.ids[:p]])).logits[0, -1]
        logps.append(float(torch.log_softmax(logits, -1)[text.ids[p]]))
        hits.append(int(logits.argmax()) == text.ids[p])
    return logps, hits


def test_one_pass_gives_what_greedy_decoding_from_each_true_prefix_does(lm: Lm, texts: list[Encoded]) -> None:
    scored = token_scores(lm, texts)
    for text, got in zip(texts, scored, strict=True):
        logps, hits = greedily(lm, text)
        assert got.logp == pytest.approx(logps, abs=1e-4)
        assert got.hit.tolist() == hits
    assert 0 < scored[0].ma < 1


def test_what_samples_would_say_is_known_without_drawing_any(lm: Lm, texts: list[Encoded]) -> None:
    """Against drawing: of many samples of a continuation, in groups of so many, the share of groups that hold the answer."""
    ids, at = texts[0].ids, 5
    text = Encoded(ids[: at + 2], (at, at + 1))
    probe = Probe("a", "en", 0, "all", text)
    generator = torch.Generator().manual_seed(1)
    groups, each = 1000, 1024
    with torch.inference_mode():
        chances = [lm.model(input_ids=torch.tensor([ids[:p]])).logits[0, -1].softmax(-1) for p in (at, at + 1)]
    drawn = [torch.multinomial(own, groups * each, replacement=True, generator=generator) for own in chances]
    hit = (drawn[0] == ids[at]) & (drawn[1] == ids[at + 1])
    share = float(hit.view(groups, each).any(1).float().mean())
    (score,) = score_probes(lm, [probe])
    expected = said(score.logp, len(text.answer), each)
    assert 0.02 < expected < 0.98, "else the comparison says nothing"
    assert share == pytest.approx(expected, abs=0.04)
    assert Sheet([probe], [score]).table("said", "train", ["en"])[0, 0] == pytest.approx(said(score.logp, 2))


def test_what_is_certain_is_said_and_what_has_no_chance_is_not() -> None:
    assert said(0.0, 9) == 1.0
    assert said(1e-6, 3) == 1.0, "rounding puts a certain token above 0"
    assert said(-200.0, 9) == 0.0
    assert math.isnan(said(math.nan, 9))
    assert said(math.log(0.5) / 4, 4, samples=2) == pytest.approx(0.75)


@pytest.mark.parametrize("tokens", [1, 40, 8192])
def test_scores_do_not_depend_on_the_batch(lm: Lm, texts: list[Encoded], tokens: int) -> None:
    for text, got in zip(texts, token_scores(lm, texts, tokens), strict=True):
        alone = token_scores(lm, [text])[0]
        assert got.logp == pytest.approx(alone.logp, abs=1e-4)
        assert got.hit.tolist() == alone.hit.tolist()


def test_no_text_is_no_score(lm: Lm) -> None:
    assert token_scores(lm, []) == []


@pytest.mark.parametrize(
    ("hits", "strength"), [([1, 1, 1, 1], 1.0), ([0, 1, 1, 1], 0.75), ([1, 1, 0, 1], 0.25), ([1, 1, 1, 0], 0.0)]
)
def test_extraction_strength_is_the_share_that_comes_out_by_itself(hits: list[int], strength: float) -> None:
    assert TokenScores(np.zeros(4, np.float32), np.array(hits, bool)).extraction_strength == strength


def test_the_margin_is_over_the_probes_own_alternatives(lm: Lm, texts: list[Encoded]) -> None:
    probes = [
        Probe("a", "en", 0, "all", texts[0], (texts[1], texts[2])),
        Probe("b", "en", 0, "all", texts[3]),
        Probe("c", "en", 0, "all", texts[4], (texts[5],)),
    ]
    level = [s.mean_logp for s in token_scores(lm, texts)]
    margins = [s.margin for s in score_probes(lm, probes)]
    assert margins[0] == pytest.approx(level[0] - (level[1] + level[2]) / 2, abs=1e-4)
    assert np.isnan(margins[1])
    assert margins[2] == pytest.approx(level[4] - level[5], abs=1e-4)


def test_a_table_holds_means_over_the_wordings_of_its_role_and_nan_where_there_is_none() -> None:
    text = Encoded((0, 1), (1,))
    probes = [
        Probe("a", "en", 0, "train", text),
        Probe("a", "en", 1, "train", text),
        Probe("a", "en", 2, "gate", text),
        Probe("b", "fr", 0, "all", text),
        Probe("b", "de", 0, "all", text),
    ]
    values = [0.2, 0.6, 0.9, 0.5, 1.0]
    sheet = Sheet(probes, [ProbeScores(v, -v, float("nan"), 0.0) for v in values])
    np.testing.assert_allclose(sheet.table("ma", "train", ["en", "fr"]), [[0.4, np.nan], [np.nan, 0.5]])
    np.testing.assert_allclose(sheet.table("ma", "gate", ["fr", "en"]), [[np.nan, 0.9], [0.5, np.nan]])
    assert np.isnan(sheet.table("margin", "train", ["en"])).all()
    assert sheet.only({"b"}).table("ma", "train", ["fr"]).tolist() == [[0.5]]
