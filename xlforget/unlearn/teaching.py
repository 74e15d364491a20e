"""Which model teaches: the one that is changed, as it was; or another, by its logits or by its confidence alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from xlforget.corpus.encode import Encoded, Encoder
from xlforget.errors import UsageError
from xlforget.lm import Lm
from xlforget.unlearn import divided, states
from xlforget.unlearn.confidence import Reader, confidences
from xlforget.unlearn.task import Task
from xlforget.unlearn.teacher import LIVE, Live, Teacher

Use = Literal["logits", "confidence"]
CONFIDENCE = "confidence.safetensors"


@dataclass(frozen=True)
class Another:
    """A teacher that the user named. ``files``: SHA-256 by name; ``width``: of hidden states, ``entries``: of logits.

    ``use``: what it can be asked for, once the run's texts are known (`settled`).
    """

    name: str
    files: Mapping[str, str]
    encoder: Encoder
    masked: bool
    width: int
    entries: int
    load: Callable[[], Lm]
    use: Use | None = None


@dataclass(frozen=True)
class Source:
    """The base's own files and tokenizer, and another teacher where there is one. ``say`` and ``progress`` go to the user."""

    files: Mapping[str, str]
    tokenizer: Any
    another: Another | None
    say: Callable[[str], None]
    progress: Callable[[int, int], None]


def settled(another: Another, base: Lm, tokenizer: Any, texts: Sequence[Encoded], *, sure_of: bool) -> Another:
    """What ``another`` can be asked for: its logits where it writes the run's ``texts`` in the base's own tokens.

    ``sure_of``: whether there is text whose loss depends on a teacher's confidence. Raises UsageError where there is none and
    the other model can say nothing else.
    """
    same = not another.masked and another.entries == base.model.config.get_text_config().vocab_size
    if same and same_tokens(tokenizer, another.encoder.tokenizer, texts):
        return replace(another, use="logits")
    if not sure_of:
        raise UsageError(
            "The teacher has other tokens than the model: only its confidence in --retain rows can be used, and here is none.",
            do="Give --retain rows and --kappa adaptive, a teacher with the model's own tokenizer, or no --teacher.",
            code="TEACHER_UNUSED",
        )
    return replace(another, use="confidence")


def same_tokens(one: Any, other: Any, texts: Sequence[Encoded]) -> bool:
    """Whether two tokenizers have the same entries and write these texts in the same ones."""
    if one.get_vocab() != other.get_vocab():
        return False
    told = [one.decode(text.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False) for text in texts]
    return not told or bool(one(told, verbose=False)["input_ids"] == other(told, verbose=False)["input_ids"])


def teacher(lm: Lm, task: Task, work: Path, source: Source) -> Teacher:
    """The teacher of a run: its states, and confidences of another, lie in ``work`` and are read again when it goes on."""
    another = source.another
    if another and another.use == "logits":
        source.say(f"running the teacher {another.name}")
        found = _run(another.load(), another.files, task, work, copied=False)
    else:
        found = _run(lm, source.files, task, work)
    if isinstance(found, Live):
        source.say(LIVE)
    if another and another.use == "confidence":
        found.confidence = _confidence(another, task.given, work, source)
    return found


def _run(lm: Lm, files: Mapping[str, str], task: Task, work: Path, *, copied: bool = True) -> Teacher:
    store = states.store(work / states.FILE, files, lm.model.dtype, task.texts, task.imitated)
    return divided.teach(lm, task.texts, task.imitated, store, copied=copied)


def _confidence(another: Another, texts: Sequence[Encoded], work: Path, source: Source) -> list[torch.Tensor]:
    """Probability of each token of ``texts`` by the other model, [T] each."""
    asked = [range(len(text.ids)) for text in texts]
    files = {f"base/{name}": digest for name, digest in source.files.items()}
    files |= {f"teacher/{name}": digest for name, digest in another.files.items()}
    store = states.store(work / CONFIDENCE, files, torch.float32, texts, asked)
    found = store.read()
    if found is None:
        source.say(f"asking {another.name} how sure it is of the text to keep")
        reader = Reader(another.load().model, another.encoder, another.masked)
        sure = np.concatenate(confidences(reader, source.tokenizer, texts, source.progress))
        found = store.write(iter([(0, torch.from_numpy(sure)[:, None])]), len(sure))
    return list(found[:, 0].split([len(at) for at in asked]))
