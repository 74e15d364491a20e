"""What measuring MA costs: one teacher-forced pass over all pairs, and one `generate` after every prefix, on the same model."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xlforget import model_io
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.experiments import results
from xlforget.experiments.invented_data import INVENTED
from xlforget.experiments.main import MEMORISED, Bench, files_of
from xlforget.experiments.memorised import read_statements, train_missing
from xlforget.experiments.paper_data import SETS
from xlforget.experiments.runs import Say
from xlforget.experiments.sets import Set
from xlforget.experiments.token_by_token import hits
from xlforget.measure.memorization import token_scores

Hits = Sequence[NDArray[np.bool_]]
ROWS = 32
REPEATS = 3
COLUMNS = ("pairs", "tokens of a pair", "MA", "one pass, s", "token by token, s", "ratio", "same hits")


@dataclass(frozen=True)
class Asked:
    """Whole texts of ``chosen`` with at least ``shortest`` tokens, the first ``pairs`` of them; ``least``: the ratio wanted."""

    chosen: Set
    shortest: int
    pairs: int | None
    least: float


WHOLE = Asked(SETS["flores"], shortest=64, pairs=None, least=50.0)
QUICK = Asked(INVENTED, shortest=16, pairs=24, least=1.0)


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
    token_scores(opened.lm, texts[:ROWS])
    say(f"{len(texts)} pairs in one pass, {REPEATS} times")
    fast, seconds = _timed(lambda: [own.hit for own in token_scores(opened.lm, texts)], REPEATS)
    say("the same token by token")
    pad = opened.encoder.tokenizer.pad_token_id or 0
    slow, longer = _timed(lambda: hits(opened.lm.model, texts, ROWS, pad), 1)
    same = all(np.array_equal(ours, theirs) for ours, theirs in zip(fast, slow, strict=True))
    document = results.origin("ma") | {
        "set": asked.chosen.name,
        "model": opened.name,
        "parameters": sum(p.numel() for p in opened.lm.model.parameters()),
        "pairs": len(texts),
        "rows": ROWS,
        "tokens": [int(q) for q in np.quantile([len(text.ids) for text in texts], (0, 0.5, 1))],
        "ma": {"one pass": _ma(fast), "token by token": _ma(slow)},
        "same_hits": same,
        "seconds": {"one pass": seconds, "token by token": longer},
        "ratio": longer / seconds,
    }
    markdown = markdown_of(document)
    (folder / "ma").mkdir(exist_ok=True)
    results.write(folder / "ma", document, markdown)
    return Bench(same and longer / seconds >= asked.least, document, markdown)


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


def _ma(found: Hits) -> float:
    return float(np.mean([own.mean() for own in found]))


def markdown_of(found: dict[str, Any]) -> str:
    """The table with its command and machine."""
    low, middle, high = found["tokens"]
    cells = [
        str(found["pairs"]),
        f"{low} to {high}, median {middle}",
        f"{found['ma']['one pass']:.4f}",
        f"{found['seconds']['one pass']:.2f}",
        f"{found['seconds']['token by token']:.1f}",
        f"{found['ratio']:.0f}",
        "yes" if found["same_hits"] else "no",
    ]
    lines = [
        f"# bench ma, {found['set']}, a model of {found['parameters'] / 1e6:.1f}M parameters",
        "",
        *results.table(COLUMNS, cells, named=0),
        "",
        f"Token by token: one token by `generate` from {found['rows']} left-padded prefixes of about the same length at a time.",
        "",
        results.origin_line(found),
    ]
    return "\n".join(lines) + "\n"
