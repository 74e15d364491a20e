"""Sentences to the token ids of a translation model and back: language tokens, what is refused, batches by length."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlforget.errors import UsageError
from xlforget.parallel.codes import NoCode
from xlforget.parallel.translators.families import Family, family_of
from xlforget.parallel.translators.local_model import tokenizer_class
from xlforget.parallel.translators.refused import refuse_control, refuse_long

LONGEST = 256  # tokens; above about 200 the quality of NLLB and M2M100 falls
STEP = 8  # sentences of one batch differ by less than this many tokens
GROUPS = ("mul",)  # a Marian model of many source languages


@dataclass(frozen=True)
class Batch:
    """``rows``: places of the sentences in the call. ``bound``: tokens that a translation of one of them may have.

    The bound depends on the sentence's own length and never on its neighbours, so a batch gives what one by one gives.
    """

    rows: tuple[int, ...]
    bound: int


def batches(lengths: Sequence[int], tokens: int) -> Iterator[Batch]:
    """Sentences of about the same length together, longest first, up to ``tokens`` source tokens with padding a batch."""
    rows: list[int] = []
    step = -1
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        if rows and (lengths[row] // STEP != step or (len(rows) + 1) * lengths[rows[0]] > tokens):
            yield Batch(tuple(rows), _bound(step))
            rows = []
        rows.append(row)
        step = lengths[row] // STEP
    if rows:
        yield Batch(tuple(rows), _bound(step))


def _bound(step: int) -> int:
    """Twice the source and some: scripts that the vocabulary cuts small take more tokens than English."""
    return 2 * (step + 1) * STEP + 16


class Sentences:
    """The tokenizer of a translation model. Raises UsageError NO_TRANSLATOR for a folder that holds none of a known family."""

    def __init__(self, folder: Path) -> None:
        self.family: Family = family_of(tokenizer_class(folder))
        self.tokenizer = _load(folder)
        self._known = {*self.tokenizer.get_vocab(), *getattr(self.tokenizer, "lang_token_to_id", {})}
        self._controls = {*self.tokenizer.all_special_ids} - {self.tokenizer.unk_token_id}
        self.longest = min(LONGEST, int(self.tokenizer.model_max_length))

    def lacks(self, source: str, targets: Sequence[str]) -> tuple[str, ...]:
        """Those of ``targets`` that this model does not write; all of them where it does not read ``source``."""
        if not self._reads(source):
            return tuple(targets)
        return tuple(target for target in targets if not self._writes(target))

    def encode(self, texts: Sequence[str], source: str, target: str) -> list[list[int]]:
        """Token ids of each text with the language tokens in place. Raises RefusedTexts, and NoCode for what `lacks` names."""
        if self.lacks(source, [target]):
            raise NoCode(target, f"{self.family.name} (from {source})")
        refuse_control([i for i, text in enumerate(texts) if self._steers(text)], self.family.name)
        lead = self._token(target)
        if self.family.leads == "target":
            self.tokenizer.src_lang = self._code(source)
        elif lead:
            texts = [f"{lead} {text}" for text in texts]
        ids: list[list[int]] = self.tokenizer(list(texts), verbose=False)["input_ids"] if texts else []
        if self.family.leads == "source" and lead:
            self._check_led(ids, lead)
        refuse_long([i for i, row in enumerate(ids) if len(row) > self.longest], self.longest)
        return ids

    def forced(self, target: str) -> int | None:
        """The id that a translation must begin with, None where the language stands in front of the source."""
        if self.family.leads != "target":
            return None
        return int(self.tokenizer.convert_tokens_to_ids(self._token(target)))

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The tokens of some ids."""
        tokens: list[str] = self.tokenizer.convert_ids_to_tokens(list(ids))
        return tokens

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """The ids of some tokens."""
        ids: list[int] = self.tokenizer.convert_tokens_to_ids(list(tokens))
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of a translation, without its language and end tokens."""
        # M2M100 does not count its language tokens among the special ones.
        languages = getattr(self.tokenizer, "id_to_lang_token", {})
        kept = [token for token in ids if token not in languages]
        return str(self.tokenizer.decode(kept, skip_special_tokens=True)).strip()

    def has_unknown(self, ids: Sequence[int]) -> bool:
        """Whether a word of it is not in the vocabulary."""
        return self.tokenizer.unk_token_id in ids

    def _steers(self, text: str) -> bool:
        if self.family.control.search(text):
            return True
        found = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return not self._controls.isdisjoint(found)

    def _check_led(self, rows: Sequence[Sequence[int]], lead: str) -> None:
        """A language token that came apart would be translated as text, into whatever language the model likes."""
        token = self.tokenizer.convert_tokens_to_ids(lead)
        if any(token not in row[:2] for row in rows):
            raise UsageError(
                f"The tokenizer of this {self.family.name} model does not keep its language tokens whole.",
                do="Fetch the model again with all its tokenizer files.",
                code="NO_TRANSLATOR",
            )

    def _token(self, tag: str) -> str | None:
        """The language token of a tag, None where the vocabulary has none."""
        tokens = [self.family.token.format(name) for name in self.family.names(tag)]
        return next((token for token in tokens if token in self._known), None)

    def _code(self, tag: str) -> str:
        """The name by which the tokenizer is told its source language."""
        return next(name for name in self.family.names(tag) if self.family.token.format(name) in self._known)

    def _reads(self, tag: str) -> bool:
        if self.family.name != "Marian":
            return self._token(tag) is not None
        declared = str(self.tokenizer.source_lang)
        return declared in (*GROUPS, *self.family.names(tag))

    def _writes(self, tag: str) -> bool:
        """A Marian model of one pair has no language token, but says in its papers what it writes."""
        if self._token(tag) is not None:
            return True
        return self.family.name == "Marian" and str(self.tokenizer.target_lang) in self.family.names(tag)


def _load(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Marian's asks for a package that only evens out punctuation
            return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except ImportError:
        raise UsageError(
            "The tokenizer of this translation model needs the package sentencepiece.",
            do="pip install 'xlforget[translate]'",
            code="NO_TRANSLATOR",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"The tokenizer of the translation model cannot be loaded ({type(error).__name__}).",
            do="Check that transformers loads it with AutoTokenizer.",
            code="NO_TRANSLATOR",
        ) from None
