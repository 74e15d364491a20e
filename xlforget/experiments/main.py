"""The main experiment: memorise a set, erase its forget part through the command line, compare with gold.

Gold is the same model trained without the facts. Trained models stay in the output folder and are not trained twice.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from xlforget.asked import Apply
from xlforget.corpus.encode import Encoder
from xlforget.errors import UsageError
from xlforget.experiments import figures, invented_data, results
from xlforget.experiments.invented_data import INVENTED
from xlforget.experiments.paper_data import SETS, convert
from xlforget.experiments.runs import Commands, Say, by_commands, keeping
from xlforget.experiments.sets import Part, Set
from xlforget.experiments.small_model import memorise, new_model, train_tokenizer
from xlforget.request import phrasebook
from xlforget.request.reader import read_texts

CONTEXT, RATE = 512, 3e-3
MEMORISED: dict[str, tuple[Part, ...]] = {
    "base": ("request", "retain", "bystanders"),
    "gold": ("retain", "bystanders"),
}


@dataclass(frozen=True)
class Bench:
    """Results as plain data and as Markdown; ``passed``: every command ended with exit 0."""

    passed: bool
    document: dict[str, Any]
    markdown: str


def choose(name: str) -> Set:
    """The set of that name. Raises UsageError for a name that is none."""
    known = SETS | {INVENTED.name: INVENTED}
    if name not in known:
        raise UsageError(f"There is no set {name!r}.", do=f"Choose one of: {', '.join(known)}.", code="UNKNOWN_SET")
    return known[name]


def run(chosen: Set, data: Path | None, out: Path, *, quick: bool, say: Say, quiet: bool = False) -> Bench:
    """The experiment on one set, in ``out``/<set>; ``quiet`` sends the commands' own output to stderr.

    Raises UsageError where the data is not there.
    """
    folder = out / chosen.name
    files = _files(chosen, data, folder / "data")
    models = {name: folder / name for name in MEMORISED}
    _train_missing(chosen, files, models, say)
    key, commands = folder / "key.pem", Commands(say, quiet)
    ran = [] if key.exists() else [commands("keygen", str(key))]
    asked = _asked(chosen, files, folder, key)
    ran += by_commands(asked, key, commands)
    if not ran[-1].code:
        models["edited"] = asked.out
    if not quick:
        say("the same without text sampled from the model, its model kept whatever the gate says")
        models["edited, no samples"] = folder / "edited-no-samples"
        keeping(replace(asked, out=models["edited, no samples"], samples=0), say)
    say("measuring base, gold and what was edited")
    document = results.document(chosen.name, ran, figures.measure_all(models, asked, files["bystanders"]))
    markdown = results.markdown(document)
    (folder / "results.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(markdown, encoding="utf-8")
    return Bench(all(own.code == 0 for own in ran), document, markdown)


def _asked(chosen: Set, files: Mapping[Part, Path], folder: Path, key: Path) -> Apply:
    return Apply(
        requests=(str(files["request"]),), model=str(folder / "base"), out=folder / "edited", key=key,
        languages=chosen.languages, retain=str(files["retain"]), unseen=str(files["unseen"]) if "unseen" in files else None,
    )  # fmt: skip


def _files(chosen: Set, data: Path | None, target: Path) -> dict[Part, Path]:
    if chosen is INVENTED:
        return invented_data.write(target)
    if data is None:
        raise UsageError(
            f"The data of {chosen.name} is not part of this package.", do="Give its folder with --data.", code="NO_DATA"
        )
    return convert(chosen, data, target)


def _train_missing(chosen: Set, files: Mapping[Part, Path], models: Mapping[str, Path], say: Say) -> None:
    if all(folder.is_dir() for folder in models.values()):
        return
    say("training the tokenizer")
    # Trained on all rows, unseen ones too: no answer may be a single token only because it is a fact.
    texts = {part: _texts(path, chosen.languages) for part, path in files.items()}
    tokenizer = train_tokenizer([text for own in texts.values() for text in own], chosen.vocabulary)
    for name, folder in models.items():
        if not folder.is_dir():
            say(f"training {name}")
            _train(chosen, [text for part in MEMORISED[name] for text in texts[part]], tokenizer, folder, say)


def _texts(path: Path, languages: Sequence[str]) -> list[str]:
    rows = read_texts(path)
    worded = [w.text for row in rows if row.structured for lang in languages for w in phrasebook.wordings(row.structured, lang)]
    return [*worded, *(statement.text for row in rows for statement in row.statements.values())]


def _train(chosen: Set, texts: Sequence[str], tokenizer: PreTrainedTokenizerFast, folder: Path, say: Say) -> None:
    """A model that has memorised ``texts``, in ``folder``, whole or not at all."""
    encoder = Encoder(tokenizer, CONTEXT)
    model = new_model(tokenizer, context=CONTEXT)
    encoded = [encoder.encode(text, None) for text in texts]

    def progress(done: int, total: int, loss: float) -> None:
        if done % 200 == 0 or done == total:
            say(f"  step {done}/{total}, loss {loss:.3f}")

    memorise(model, encoded, epochs=chosen.epochs, lr=RATE, batch_tokens=chosen.batch_tokens, progress=progress)
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    part.rename(folder)
