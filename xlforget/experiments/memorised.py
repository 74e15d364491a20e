"""Models that have memorised the parts of a set, trained once and kept in the experiment's folder."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from xlforget.corpus.encode import Encoder
from xlforget.experiments.runs import Say
from xlforget.experiments.sets import Part, Set
from xlforget.experiments.small_model import memorise, new_model, train_tokenizer
from xlforget.request import phrasebook
from xlforget.request.reader import read_texts

CONTEXT = 512


def train_missing(
    chosen: Set,
    files: Mapping[Part, Path],
    folder: Path,
    memorised: Mapping[str, Sequence[Part]],
    say: Say,
    *,
    seed: int = 0,
    tokens_of: Path | None = None,
) -> None:
    """Each model of ``memorised`` that ``folder`` lacks, trained on its parts.

    ``tokens_of``: a model whose tokenizer they share; None: one is trained.
    """
    if all((folder / name).is_dir() for name in memorised):
        return
    texts = {part: read_statements(path, chosen.languages) for part, path in files.items()}
    if tokens_of:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(tokens_of)
    else:
        say("training the tokenizer")
        # On all rows, unseen ones too, or on none that is asked for: no answer may be a single token only because it is a fact.
        tokenizer = train_tokenizer([text for part in texts if part in chosen.tokens for text in texts[part]], chosen.vocabulary)
    for name, parts in memorised.items():
        if not (folder / name).is_dir():
            say(f"training {name}")
            _train(chosen, [text for part in parts for text in texts[part]], tokenizer, folder / name, seed, say)


def read_statements(path: Path, languages: Sequence[str]) -> list[str]:
    """All texts of a part; those of form 4 in ``languages``, in all of the phrasebook's wordings."""
    rows = read_texts(path)
    worded = [w.text for row in rows if row.structured for lang in languages for w in phrasebook.wordings(row.structured, lang)]
    return [*worded, *(statement.text for row in rows for statement in row.statements.values())]


def _train(chosen: Set, texts: Sequence[str], tokenizer: PreTrainedTokenizerFast, folder: Path, seed: int, say: Say) -> None:
    """A model that has memorised ``texts``, in ``folder``, whole or not at all."""
    encoder = Encoder(tokenizer, CONTEXT)
    model = new_model(tokenizer, layers=chosen.layers, width=chosen.width, context=CONTEXT, seed=seed)
    encoded = [encoder.encode(text, None) for text in texts]

    def progress(done: int, total: int, loss: float) -> None:
        if done % 200 == 0 or done == total:
            say(f"  step {done}/{total}, loss {loss:.3f}")

    how: dict[str, Any] = {"epochs": chosen.epochs, "lr": chosen.rate, "batch_tokens": chosen.batch_tokens, "seed": seed}
    memorise(model, encoded, progress=progress, **how)
    keep(model, tokenizer, folder)


def keep(model: Any, tokenizer: Any, folder: Path) -> None:
    """Both in ``folder``, whole or not at all."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    part.rename(folder)
