"""What a translation model on this machine does with the sentences of a call, whichever library runs it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from xlforget.parallel.parallel_set import TranslatorInfo
from xlforget.parallel.translators.engine import Translation
from xlforget.parallel.translators.local_model import Local, card_licence, check_licence
from xlforget.parallel.translators.sentences import Sentences

BEAMS = 4


@dataclass(frozen=True)
class Hypothesis:
    """What a model wrote. ``ids`` with the forced language token, if any; ``score`` as in Translation, without it."""

    ids: tuple[int, ...]
    ended: bool
    score: float


class LocalEngine(ABC):
    """A translation model of a known family: one sentence a row, beam search, the same sentences for the same call."""

    name: ClassVar[str]
    batch_tokens: int

    def __init__(self, local: Local, sentences: Sentences, accepted: frozenset[str]) -> None:
        """UsageError LICENCE: the model may not be used without its licence accepted by name."""
        family = sentences.family.licence
        # A model made from one under a non-commercial licence does not come free by its card.
        licence = family if "-NC" in family else card_licence(local.folder) or family
        check_licence(licence, accepted)
        self._info = TranslatorInfo(name=self.name, model=local.name, version=local.revision, licence=licence)
        self._sentences = sentences

    def info(self) -> TranslatorInfo:
        """Backend, model, revision and licence."""
        return self._info

    def lacks(self, source: str, targets: Sequence[str]) -> tuple[str, ...]:
        """Those of ``targets`` that the model does not write from ``source``."""
        return self._sentences.lacks(source, targets)

    def translate(self, texts: Sequence[str], source: str, target: str, *, marked: bool = False) -> list[Translation]:
        """Each text in the target language; equal texts are translated once. Raises RefusedTexts, MachineError.

        ``marked`` changes nothing: these models keep markup or lose it.
        """
        encoded = self._sentences.encode(texts, source, target)
        distinct = list(dict.fromkeys(map(tuple, encoded)))
        found = dict(zip(distinct, self._run(distinct, target), strict=True))
        return [self._translation(ids, found[tuple(ids)]) for ids in encoded]

    @abstractmethod
    def _run(self, sources: Sequence[tuple[int, ...]], target: str) -> list[Hypothesis]:
        """One hypothesis for each source, in order."""

    def _translation(self, source: Sequence[int], written: Hypothesis) -> Translation:
        unknown = self._sentences.has_unknown(source) or self._sentences.has_unknown(written.ids)
        return Translation(self._sentences.decode(written.ids), written.ended, written.score, unknown)
