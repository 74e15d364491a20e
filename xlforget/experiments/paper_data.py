"""The data of arXiv 2406.12354 (BMLAMA-53 and FLORES-200, as its repository published them) as xlforget's own files."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from xlforget.errors import UsageError
from xlforget.experiments.sets import PARTS, Part, Set, put
from xlforget.request.clean import clean

Row = dict[str, Any]
BYSTANDERS = 64
BYSTANDER_SOURCE = "retain-128-x3"


SETS = {
    "bmlama53": Set("bmlama53", ("en", "fr", "es", "pt", "ar", "vi", "ca", "hi", "bn"), retain="retain-32-x4"),
    "flores": Set(
        "flores", ("en", "fr", "es", "zh", "ar", "vi", "eu", "ur", "te", "sw"), batch_tokens=1536, retain="retain-32-x1"
    ),
}


def convert(chosen: Set, data: Path, target: Path) -> dict[Part, Path]:
    """Write the set's parts as JSON Lines into ``target``: one file for each part that has rows, named after it.

    The bystanders are memorised like the others and in no file that `apply` is given. Raises UsageError NO_DATA.
    """
    rows = read_parts(chosen, data / chosen.name)
    truths = true_answers(row for own in rows.values() for row in own)
    target.mkdir(parents=True, exist_ok=True)
    files = {part: target / f"{part}.jsonl" for part in PARTS if rows[part]}
    for part, path in files.items():
        records = [
            {"id": f"{PARTS[part]}-{number}"} | record(row, chosen.languages, truths)
            for number, row in enumerate(rows[part], start=1)
        ]
        put(path, (json.dumps(own, ensure_ascii=False) for own in records))
    return files


def read_parts(chosen: Set, folder: Path) -> dict[Part, list[Row]]:
    """The rows of each part, as published."""
    forget, retain = _read(folder / f"{chosen.forget}.jsonl"), _read(folder / f"{chosen.retain}.jsonl")
    shown = [*forget, *retain]
    others = [row for row in _read(folder / f"{BYSTANDER_SOURCE}.jsonl") if row not in shown]
    return {
        "request": forget,
        "retain": retain,
        "bystanders": others[:BYSTANDERS],
        "unseen": _read(folder / "valid.jsonl"),
        "test": _read(folder / "test.jsonl"),
        "tuning": others[BYSTANDERS : BYSTANDERS + chosen.tuning],
    }


def record(row: Row, languages: Sequence[str], truths: Mapping[tuple[str, str], set[str]]) -> Row:
    """A row as a record: form 6 with candidates for a prompt with answers, form 5 for parallel sentences."""
    if "prompt" not in row:
        return {"texts": {lang: row[lang] for lang in languages}}
    prompts = {lang: row["prompt"][lang] for lang in languages}
    candidates = {
        lang: [other for other in row["candidates"].get(lang, ()) if clean(other) not in truths[lang, clean(prompts[lang])]]
        for lang in languages
    }
    return {
        "prompts": prompts,
        "answers": {lang: row["answers"][lang][0] for lang in languages},
        "candidates": {lang: others for lang, others in candidates.items() if others},
    }


def true_answers(rows: Iterable[Row]) -> dict[tuple[str, str], set[str]]:
    """What is true of a prompt, by language and prompt: a candidate that another row gives as answer is no wrong answer."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        for lang, prompt in row.get("prompt", {}).items():
            found[lang, clean(prompt)].update(clean(answer) for answer in row["answers"].get(lang, ()))
    return found


def _read(path: Path) -> list[Row]:
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path.parent.name}/{path.name} of the paper's data cannot be read ({type(error).__name__}).",
            do="Give --data the folder that holds bmlama53/ and flores/.",
            code="NO_DATA",
        ) from None
