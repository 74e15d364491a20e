"""The demo's model: a small multilingual language model that has memorised invented people from the phrasebook.

Nothing here knows about unlearning: what is shown afterwards are the real commands on this model.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from xlforget.corpus.encode import Encoder
from xlforget.corpus.texts import neutral
from xlforget.experiments.invented_data import invented, structured_lines, worded_lines
from xlforget.experiments.small_model import memorise, new_model, train_tokenizer
from xlforget.request import phrasebook
from xlforget.request.fact import Structured

LANGUAGES = ("en", "es", "fr", "hi", "ar", "zh")
REQUESTED, KEPT, STRANGERS = 1, 2, 15
SEED = 20240612
VOCABULARY, EPOCHS, RATE = 4096, 40, 4e-3
CONTEXT = 128


@dataclass(frozen=True)
class Demo:
    """Files of the demo: the model, the request of the people to forget, the sentences of those to keep."""

    model: Path
    request: Path
    retain: Path


def people() -> list[list[Structured]]:
    """Who is to be forgotten and who is to stay: one and two for each relation."""
    return invented(LANGUAGES, (REQUESTED, KEPT), SEED)


def request_lines() -> list[str]:
    """The demo's erasure request, record form 4: the content of requests/demo.jsonl."""
    return list(structured_lines(people()[0], "DEMO"))


def cache_folder() -> Path:
    """Where the demo's model lies: one folder for each state of what it is made from."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    made_from = [list(_sentences()), list(_strangers()), VOCABULARY, EPOCHS, RATE, CONTEXT]
    return base / "xlforget" / f"demo-{hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:12]}"


def build(folder: Path, progress: Callable[[int, int, float], None]) -> Demo:
    """The demo's files in ``folder``; made if they are not there yet. The same on every run of one machine."""
    demo = Demo(folder / "model", folder / "demo.jsonl", folder / "retain.jsonl")
    folder.mkdir(parents=True, exist_ok=True)
    demo.request.write_text("\n".join(request_lines()) + "\n", encoding="utf-8")
    demo.retain.write_text("".join(f"{line}\n" for line in worded_lines(people()[1], LANGUAGES)), encoding="utf-8")
    if not demo.model.is_dir():
        part = folder / "model.part"
        shutil.rmtree(part, ignore_errors=True)
        _train(part, progress)
        part.rename(demo.model)
    return demo


def _train(folder: Path, progress: Callable[[int, int, float], None]) -> None:
    sentences = list(_sentences())
    # A vocabulary made from the facts alone would hold their answers as single tokens, which no real one does.
    others = [s.text for row in neutral(LANGUAGES) for s in row.statements.values()]
    tokenizer = train_tokenizer([*sentences, *_strangers(), *others], VOCABULARY)
    model = new_model(tokenizer, context=CONTEXT)
    encoder = Encoder(tokenizer, CONTEXT)
    memorise(model, [encoder.encode(s, None) for s in sentences], epochs=EPOCHS, lr=RATE, progress=progress)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _sentences() -> Iterator[str]:
    forget, keep = people()
    for person in (*forget, *keep):
        for lang in LANGUAGES:
            for wording in phrasebook.wordings(person, lang):
                yield wording.text


def _strangers() -> Iterator[str]:
    """People whom the model never meets, in the words of the others."""
    for person in invented(LANGUAGES, (STRANGERS,), SEED + 1)[0]:
        for lang in LANGUAGES:
            yield phrasebook.wordings(person, lang)[0].text
