"""Retain and unseen text from JSONL, parquet or a ``datasets`` id, and the project's own neutral sentences."""

import io
import json
from collections.abc import Iterator
from importlib import resources
from itertools import islice
from pathlib import Path

from xlforget.errors import UsageError
from xlforget.request.clean import clean
from xlforget.request.fact import Fact, Statement
from xlforget.request.reader import read_texts

MAX_ROWS = 20_000


def load_texts(source: str) -> tuple[Fact, ...]:
    """Rows of ``source``: a JSONL file, a parquet file, a folder saved by ``datasets``, or ``hub_id[:split]``.

    Raises RequestError with line numbers for a JSONL file, UsageError for the others.
    """
    path = Path(source)
    if source == "-" or (path.is_file() and path.suffix != ".parquet"):
        return read_texts(source if source == "-" else path)
    return _from_rows(_dataset_rows(source))


def neutral(langs: tuple[str, ...]) -> tuple[Fact, ...]:
    """The project's own corpus as rows; languages that it lacks are left out."""
    folder = resources.files("xlforget.corpus") / "neutral"
    columns = {
        lang: (folder / f"{lang}.txt").read_text("utf-8").split("\n") for lang in langs if (folder / f"{lang}.txt").is_file()
    }
    count = min((len(lines) for lines in columns.values()), default=0)
    rows = ({lang: lines[k].strip() for lang, lines in columns.items() if lines[k].strip()} for k in range(count))
    return tuple(
        Fact(
            id=f"neutral-{k}",
            line=k + 1,
            form=5,
            statements={lang: Statement(text=clean(t), span=None) for lang, t in row.items()},
        )
        for k, row in enumerate(rows)
        if row
    )


def _dataset_rows(source: str) -> Iterator[dict[str, object]]:
    import datasets
    from pyarrow.parquet import ParquetFile

    try:
        if source.endswith(".parquet"):
            # Not through `datasets`, which leaves a copy in its cache.
            table = (row for batch in ParquetFile(source).iter_batches() for row in batch.to_pylist())
        elif Path(source).is_dir():
            table = datasets.load_from_disk(source)
        else:
            name, _, split = source.partition(":")
            table = datasets.load_dataset(name, split=split or "train", streaming=True)
        yield from (dict(row) for row in islice(table, MAX_ROWS))  # a file may be broken further on
    except Exception as error:
        raise UsageError(
            f"Text source {source!r} is neither a readable file nor a dataset that can be had here ({type(error).__name__}).",
            do="Give a JSONL or parquet file, a folder saved by `datasets`, or a dataset id with an optional :split.",
            code="TEXT_SOURCE",
        ) from None


def _from_rows(rows: Iterator[dict[str, object]]) -> tuple[Fact, ...]:
    """Through the JSONL reader, so that a row means the same whatever file it came in; in memory, for it may be personal."""
    lines = (json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False, default=str) for row in rows)
    return read_texts(io.BytesIO("".join(f"{line}\n" for line in lines).encode()))
