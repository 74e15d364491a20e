"""From end to end: what is reported of a run, and what it warns of."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from xlforget.corpus.controls import Split
from xlforget.corpus.corpus import Corpus, Text
from xlforget.corpus.encode import Encoder
from xlforget.corpus.probes import Probe
from xlforget.lm import Lm
from xlforget.unlearn.made import Made
from xlforget.unlearn.methods import METHODS, Method
from xlforget.unlearn.teaching import Source
from xlforget.unlearn.unlearn import Unlearned, unlearn

SHORT = {"rounds": 2, "steps_per_round": 2, "live_pairs": 2, "retain_tokens": 30, "warmup": 1}


@pytest.fixture
def corpus(encoder: Encoder, sentences: tuple[str, ...]) -> Corpus:
    def probe(mark: str, lang: str, who: str, where: str) -> Probe:
        text = f"{who} lives in {where}."
        start = text.index(where)
        return Probe(mark, lang, 0, "all", encoder.encode(text, (start, start + len(where))))

    facts = [probe("f0", lang, "Zorvana", "Norden") for lang in ("en", "fr", "hi")] + [probe("f1", "en", "Tamsin", "Quarn")]
    unseen = tuple(probe("u0", lang, "Pellam", "Harrowfen") for lang in ("en", "fr", "hi"))
    kept = tuple(Text("r", "en", encoder.encode(text, None)) for text in sentences[:4])
    controls: dict[Split, tuple[Probe, ...]] = {"aim": unseen, "stop": unseen, "gate": unseen}
    return Corpus(("en", "fr", "hi"), tuple(facts), controls, (), {}, kept, (), (), (), (), (), 64)


def run(lm: Lm, tokenizer: object, corpus: Corpus, method: Method, work: Path) -> Unlearned:
    source = Source({"model.safetensors": "0"}, tokenizer, None, lambda line: None, lambda done, total: None)
    made = Made((), (), 0, 0)
    return unlearn(lm, corpus, made, method, 0, work, lambda _: True, lambda _: None, source)


def test_visits_are_counted_by_language(new_lm: Callable[[int], Lm], tokenizer: object, corpus: Corpus, tmp_path: Path) -> None:
    method = replace(METHODS["adaptive"], sampling="sequential", **SHORT)  # type: ignore[arg-type]
    found = run(new_lm(0), tokenizer, corpus, replace(method, rounds=3), tmp_path)
    assert found.by_lang == {"en": (2, 2), "fr": (2, 2), "hi": (2, 2)}
    assert found.visits == (2, 2)
    assert found.warnings == ()


def test_pairs_that_the_steps_did_not_reach_are_said(
    new_lm: Callable[[int], Lm], tokenizer: object, corpus: Corpus, tmp_path: Path
) -> None:
    method = replace(METHODS["adaptive"], sampling="sequential", **SHORT)  # type: ignore[arg-type]
    found = run(new_lm(0), tokenizer, corpus, replace(method, rounds=1), tmp_path)
    assert found.by_lang["hi"] == (0, 0)
    assert found.warnings == ("1 of the pairs were never trained on: the run had too few steps for them (--rounds)",)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_goes_through_and_tells_its_alpha_if_it_has_one(
    new_lm: Callable[[int], Lm], tokenizer: object, corpus: Corpus, tmp_path: Path, name: str
) -> None:
    method = replace(METHODS[name], **SHORT)  # type: ignore[arg-type]
    found = run(new_lm(0), tokenizer, corpus, method, tmp_path)
    assert found.steps == 4
    assert found.alpha == (METHODS[name].alphas[0] if METHODS[name].alphas else None)
