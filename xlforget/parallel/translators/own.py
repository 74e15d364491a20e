"""The very model that is to forget, as a translator: it speaks the languages, and no text leaves the machine.

With a chat template it is asked as a chat model is. Without one it goes on with a list of sentence pairs about invented
people, where the phrasebook has both languages, and with the languages' names alone where it has not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from xlforget.errors import MachineError, UsageError
from xlforget.parallel.codes import iso_code
from xlforget.parallel.languages import display_name
from xlforget.parallel.parallel_set import TranslatorInfo
from xlforget.parallel.translators import prompts
from xlforget.parallel.translators.engine import CLOSE, OPEN, Translation
from xlforget.parallel.translators.refused import refuse_control, refuse_long
from xlforget.parallel.translators.sentences import Batch, batches
from xlforget.request import phrasebook
from xlforget.request.fact import Statement
from xlforget.request.invent import invent_people

SHOWN = ("city_of_residence", "occupation", "phone_number", "mother")  # relations of the pairs that are shown
SEED = 4711
ENVELOPE = 24  # tokens that an answer in tags takes beside the sentence
BATCH_TOKENS = 256  # of the sentences alone, which have the same prompt before them


def open_engine(model: Any, tokenizer: Any, *, context: int, name: str, revision: str, licence: str) -> "Own":
    """``model``: a causal transformers model on its device. ``context``: tokens that it reads. The rest is for the audit."""
    return Own(model, tokenizer, context, TranslatorInfo(name=Own.name, model=name, version=revision, licence=licence))


@dataclass(frozen=True)
class _Asked:
    """``ids``: the prompt. ``length``: tokens of the sentence in it."""

    ids: tuple[int, ...]
    length: int


class Own:
    """Greedy: the same call gives the same sentences. The model is left as it was found."""

    name = "self"

    def __init__(self, model: Any, tokenizer: Any, context: int, info: TranslatorInfo) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._context = context
        self._info = info
        self._chat = bool(getattr(tokenizer, "chat_template", None))
        added = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
        self._controls = {*tokenizer.all_special_ids, *added} - {tokenizer.unk_token_id}

    def info(self) -> TranslatorInfo:
        """The model that is to forget, by the name, revision and licence that the caller gave."""
        return self._info

    def lacks(self, source: str, targets: Sequence[str]) -> tuple[str, ...]:
        """Nothing: whoever takes a language because the model speaks it may ask the model, and the checks see the outcome."""
        return ()

    def translate(self, texts: Sequence[str], source: str, target: str, *, marked: bool = False) -> list[Translation]:
        """Each text in the target language, in order; empty and not ended where the answer is not one clean sentence.

        Raises RefusedTexts, MachineError MEMORY.
        """
        distinct = list(dict.fromkeys(texts))
        plain = [self._ids(text) for text in distinct]
        asked = [self._ask(text, len(ids), source, target, marked) for text, ids in zip(distinct, plain, strict=True)]
        self._refuse(texts, dict(zip(distinct, plain, strict=True)), dict(zip(distinct, asked, strict=True)))
        found: dict[str, Translation] = {}
        for batch in batches([each.length for each in asked], BATCH_TOKENS):
            written = self._generate([asked[row].ids for row in batch.rows], self._bound(batch))
            for row, (ids, score) in zip(batch.rows, written, strict=True):
                found[distinct[row]] = self._read(ids, score, distinct[row], marked=marked)
        return [found[text] for text in texts]

    def _refuse(self, texts: Sequence[str], plain: dict[str, list[int]], asked: dict[str, _Asked]) -> None:
        refuse_control([i for i, text in enumerate(texts) if not self._controls.isdisjoint(plain[text])], "own")
        longest = {text: len(each.ids) + self._most(each.length) for text, each in asked.items()}
        refuse_long([i for i, text in enumerate(texts) if longest[text] > self._context], self._context)

    def _most(self, length: int) -> int:
        return max(self._bound(batch) for batch in batches([length], 1))

    def _bound(self, batch: Batch) -> int:
        return batch.bound + (ENVELOPE if self._chat else 0)

    def _ask(self, text: str, length: int, source: str, target: str, marked: bool) -> _Asked:
        if not self._chat:
            prompt = f"{shown(source, target, marked=marked)}{display_name(source)}: {text}\n{display_name(target)}:"
            return _Asked((*self._start(), *self._ids(prompt)), length)
        content = f"{prompts.SYSTEM}\n\n{prompts.to_translate(text, source, target, marked=marked)}"
        prompt = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return _Asked(tuple(self._ids(prompt)), length)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    def _start(self) -> tuple[int, ...]:
        """What the tokenizer writes in front of every text."""
        start = self._tokenizer.bos_token_id
        return (start,) if start is not None and self._tokenizer("a")["input_ids"][0] == start else ()

    def _generate(self, asked: Sequence[tuple[int, ...]], bound: int) -> list[tuple[list[int], float]]:
        """For each prompt the new ids, and their mean log-probability."""
        import torch

        from xlforget.parallel.translators.greedy import generate

        stop = None if self._chat else self._breaks_line
        try:
            return generate(self._model, asked, bound, self._ends(), stop)
        except torch.cuda.OutOfMemoryError:
            raise MachineError(
                "The model does not fit into the device's memory.", do="Use a larger device.", code="MEMORY"
            ) from None

    def _ends(self) -> tuple[int, ...]:
        given = self._model.generation_config.eos_token_id
        ends = given if isinstance(given, list) else [given]
        return tuple(dict.fromkeys(end for end in (*ends, self._tokenizer.eos_token_id) if end is not None))

    def _breaks_line(self, token: int) -> bool:
        return "\n" in self._tokenizer.decode([token])

    def _read(self, ids: list[int], score: float, text: str, *, marked: bool) -> Translation:
        ended = bool(ids) and (ids[-1] in self._ends() or (not self._chat and self._breaks_line(ids[-1])))
        answer = str(self._tokenizer.decode(ids, skip_special_tokens=True))
        if not self._chat:  # then the line is the sentence, and the same is asked of it
            answer = f"<out>{answer.partition(chr(10))[0].strip()}</out>"
        found = prompts.read_translation(answer, text, marked=marked)
        return Translation(found.text, ended, score) if ended and found.ended else prompts.NOTHING


@lru_cache(maxsize=256)
def shown(source: str, target: str, *, marked: bool) -> str:
    """Sentence pairs to go on with, a blank line after each; "" where the phrasebook lacks one of the languages."""
    try:
        pairs = [_pair(name, iso_code(source), iso_code(target)) for name in SHOWN]
    except UsageError:
        return ""
    rows = [[_marked(one) if marked else one.text for one in pair] for pair in pairs]
    return "".join(f"{display_name(source)}: {one}\n{display_name(target)}: {other}\n\n" for one, other in rows)


def _pair(name: str, source: str, target: str) -> tuple[Statement, Statement]:
    (person,) = invent_people(phrasebook.relation(name), 1, SEED, (source, target))
    return phrasebook.wordings(person, source)[0], phrasebook.wordings(person, target)[0]


def _marked(statement: Statement) -> str:
    start, end = statement.span or (0, len(statement.text))
    return f"{statement.text[:start]}{OPEN}{statement.text[start:end]}{CLOSE}{statement.text[end:]}"
