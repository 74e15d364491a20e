"""What measuring MA costs: one teacher-forced pass over all pairs, and one `generate` after every prefix, on the same model."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlforget import model_io
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.experiments import invented_data, results
from xlforget.experiments.main import MEMORISED, Bench, files_of
from xlforget.experiments.memorised import read_statements, train_missing
from xlforget.experiments.paper_data import SETS
from xlforget.experiments.runs import Say
from xlforget.experiments.sets import Set
from xlforget.experiments.token_by_token import hits
from xlforget.measure.memorization import token_scores

Hits = Sequence[NDArray[np.bool_]]
# How many texts a call of `generate` goes on with: one, as whoever asks a model would; and as the paper's evaluation batches.
ONE, BATCHED = 1, 32
REPEATS = 3
COLUMNS = ("way", "MA", "seconds", "times one pass", "same hits")


@dataclass(frozen=True)
class Asked:
    """Whole texts of ``chosen`` with at least ``shortest`` tokens, the first ``pairs`` of them.

    ``least``: how many times faster one pass has to be than one prefix after the other.
    """

    chosen: Set
    shortest: int
    pairs: int | None
    least: float


WHOLE = Asked(SETS["flores"], shortest=64, pairs=None, least=50.0)
QUICK = Asked(invented_data.QUICK, shortest=16, pairs=24, least=1.0)


def run(data: Path | None, model: str | None, out: Path, *, quick: bool, say: Say) -> Bench:
    """``model``, or the base of `bench main`, on the request's pairs. ``passed``: both ways find the same hits, one fast enough.

    Raises UsageError where the data or the model is not there.
    """
    asked = QUICK if quick else WHOLE
    folder = out / asked.chosen.name
    files = files_of(asked.chosen, data, folder / "data")
    if model is None:
        train_missing(asked.chosen, files, folder, {"base": MEMORISED["base"]}, say)
    opened = model_io.open_model(model or str(folder / "base"))
    texts = _texts(opened.encoder, read_statements(files["request"], asked.chosen.languages), asked)
    token_scores(opened.lm, texts[:BATCHED])
    say(f"{len(texts)} pairs in one pass, {REPEATS} times")
    found, seconds = _timed(lambda: [own.hit for own in token_scores(opened.lm, texts)], REPEATS)
    ways = [_way("one pass", found, found, seconds)]
    pad = opened.encoder.tokenizer.pad_token_id or 0
    for rows, name in ((BATCHED, f"`generate`, {BATCHED} prefixes a call"), (ONE, "`generate`, one prefix a call")):
        say(f"the same by {name}")
        greedy, longer = _timed(lambda rows=rows: hits(opened.lm.model, texts, rows, pad), 1)  # type: ignore[misc]
        ways.append(_way(name, greedy, found, longer))
    document = results.origin("ma") | {
        "set": asked.chosen.name,
        "model": opened.name,
        "parameters": sum(p.numel() for p in opened.lm.model.parameters()),
        "pairs": len(texts),
        "tokens": [int(q) for q in np.quantile([len(text.ids) for text in texts], (0, 0.5, 1))],
        "ways": [way | {"ratio": way["seconds"] / seconds} for way in ways],
    }
    markdown = markdown_of(document)
    (folder / "ma").mkdir(exist_ok=True)
    results.write(folder / "ma", document, markdown)
    return Bench(holds(document, asked.least), document, markdown)


def holds(found: Mapping[str, Any], least: float) -> bool:
    """Whether all ways find the same hits, and one pass is ``least`` times as fast as the slowest."""
    return all(way["same_hits"] for way in found["ways"]) and max(way["ratio"] for way in found["ways"]) >= least


def _way(name: str, found: Hits, one_pass: Hits, seconds: float) -> dict[str, Any]:
    same = all(np.array_equal(ours, theirs) for ours, theirs in zip(one_pass, found, strict=True))
    return {"way": name, "ma": float(np.mean([own.mean() for own in found])), "seconds": seconds, "same_hits": same}


def _texts(encoder: Encoder, told: Sequence[str], asked: Asked) -> list[Encoded]:
    """Whole sentences, as `bench main` memorises them."""
    encoded = [own for own in encoder.encode_all([(text, None) for text in told]) if isinstance(own, Encoded)]
    return [own for own in encoded if len(own.ids) >= asked.shortest][: asked.pairs]


def _timed(measure: Callable[[], Hits], times: int) -> tuple[Hits, float]:
    """What it found, and the median of its seconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        found = measure()
        took.append(time.perf_counter() - began)
    return found, float(np.median(took))


def markdown_of(found: Mapping[str, Any]) -> str:
    """The table with its command and machine."""
    low, middle, high = found["tokens"]
    rows = (
        (way["way"], f"{way['ma']:.4f}", f"{way['seconds']:.2f}", f"{way['ratio']:.0f}", "yes" if way["same_hits"] else "no")
        for way in found["ways"]
    )
    lines = [
        f"# bench ma, {found['set']}, a model of {found['parameters'] / 1e6:.1f}M parameters",
        "",
        f"{found['pairs']} pairs of {low} to {high} tokens, median {middle}.",
        "",
        *results.table(COLUMNS, *rows),
        "",
        results.origin_line(found),
    ]
    return "\n".join(lines) + "\n"
