"""From a request to its parallel set: each fact in each asked language, with other answers to compare against.

What cannot be had stays in the set with its reason, for a language left out in silence is a language in which nothing was
forgotten. Whether such a set may be used is decided in `undecided`.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from xlforget.errors import UsageError
from xlforget.parallel.pair import Pair, TranslatorInfo, Wording
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.parallel.translators.base import Draft, Missing, Translator
from xlforget.request import invent, phrasebook
from xlforget.request.fact import ErasureRequest, Fact

CANDIDATES = 16
FEWEST_OTHER_ANSWERS = 4


@dataclass(frozen=True)
class _Worded:
    """What the translators made of one fact in one language."""

    fact: Fact
    lang: str
    translator: str
    draft: Draft | Missing

    @property
    def relation(self) -> str | None:
        return self.fact.structured.relation if self.fact.structured else None

    @property
    def wordings(self) -> tuple[Wording, ...]:
        return self.draft.wordings if isinstance(self.draft, Draft) else ()

    @property
    def answers(self) -> frozenset[str]:
        """The answers of its wordings; none where the whole sentence is the answer."""
        return frozenset(wording.answer for wording in self.wordings if wording.span is not None)


def build_parallel_set(
    request: ErasureRequest,
    languages: Sequence[str],
    translators: Sequence[Translator],
    leave_out: Collection[str] = (),
    *,
    seed: int = 0,
) -> ParallelSet:
    """Word every fact in every language; the first translator that can does.

    A pair that none can word is kept without wordings, as ``fail`` or ``review`` with the reason. ``seed`` draws the
    phrasebook's candidates. Raises UsageError NO_SUCH_LANGUAGE, before any work, for languages that a translator lacks
    and that are not in ``leave_out``.
    """
    worded: dict[tuple[str, str], _Worded] = {}
    for translator in translators:
        waiting = {lang: [f for f in request.facts if _waits(worded.get((f.id, lang)))] for lang in languages}
        _refuse_lacking(translator, waiting, leave_out)
        for lang, facts in waiting.items():
            for fact, draft in zip(facts, translator.word(facts, lang, tuple(languages)) if facts else (), strict=True):
                _keep(worded, _Worded(fact, lang, translator.name, draft))
    items = [worded.get((f.id, lang)) or _Worded(f, lang, "", _NOBODY) for f in request.facts for lang in languages]
    candidates = _Candidates(items, seed)
    return ParallelSet(
        pairs=tuple(_pair(item, candidates) for item in items),
        languages=tuple(languages),
        translators=_infos(translators, {item.translator for item in items if isinstance(item.draft, Draft)}),
    )


_NOBODY = Missing("no translator for such a record")


def _waits(item: _Worded | None) -> bool:
    return item is None or isinstance(item.draft, Missing)


def _keep(worded: dict[tuple[str, str], _Worded], item: _Worded) -> None:
    """A draft, or the reason that says most: one that a person can settle stays, one without words never comes in."""
    place = item.fact.id, item.lang
    before = worded.get(place)
    if isinstance(item.draft, Missing) and (not item.draft.reason or (before and _reviewable(before))):
        return
    worded[place] = item


def _reviewable(item: _Worded) -> bool:
    return isinstance(item.draft, Missing) and item.draft.review


def _refuse_lacking(translator: Translator, waiting: dict[str, list[Fact]], leave_out: Collection[str]) -> None:
    facts = list({fact.id: fact for own in waiting.values() for fact in own}.values())
    lacking = [lang for lang in translator.lacks(facts, [lang for lang, own in waiting.items() if own]) if lang not in leave_out]
    if lacking:
        raise UsageError(
            f"{translator.name} does not translate into: {', '.join(lacking)}.",
            do="Give texts in these languages, use another translator, or name them with --leave-out.",
            code="NO_SUCH_LANGUAGE",
        )


def _pair(item: _Worded, candidates: "_Candidates") -> Pair:
    known = {"fact": item.fact.id, "lang": item.lang, "relation": item.relation, "candidates": candidates.of(item)}
    draft = item.draft
    if isinstance(draft, Missing):
        return Pair(**known, wordings=(), status="review" if draft.review else "fail", reason=draft.reason, translator="")
    return Pair(
        **known, wordings=draft.wordings, status=draft.status, reason=draft.reason, translator=item.translator,
        source=draft.source, back=draft.back, unplaced=draft.unplaced, votes=draft.votes, checks=draft.checks,
    )  # fmt: skip


class _Candidates:
    """Other answers of the same type for each pair: the record's, else the phrasebook's, else the request's own.

    An answer that another fact gives in the same place (a second phone number of one person) is true as well and is
    left out, for a model that keeps it has not failed.
    """

    def __init__(self, worded: Sequence[_Worded], seed: int) -> None:
        self.seed = seed
        self.in_frame: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
        self.of_type: defaultdict[tuple[str, str | None], dict[str, None]] = defaultdict(dict)
        for item in worded:
            for wording in item.wordings:
                if wording.span is not None:
                    self.in_frame[_frame(item.lang, wording)].add(wording.answer)
            self.of_type[item.lang, item.relation].update(dict.fromkeys(sorted(item.answers)))

    def of(self, item: _Worded) -> tuple[str, ...]:
        """Candidates of one pair, distinct, in a fixed order; () where there is nothing to compare with."""
        if not item.answers:
            return ()
        true = set().union(*(self.in_frame[_frame(item.lang, wording)] for wording in item.wordings))
        given = _without(item.fact.candidates.get(item.lang, ()), true)
        if given:
            return given
        if item.relation is not None:
            relation = phrasebook.relation(item.relation)
            invented = invent.invent_objects(relation, item.lang, CANDIDATES + len(true), self.seed)
            return _without(invented, true)[:CANDIDATES]
        others = _without(tuple(self.of_type[item.lang, None]), true)
        return others if len(others) >= FEWEST_OTHER_ANSWERS else ()


def _frame(lang: str, wording: Wording) -> tuple[str, str, str]:
    """What stands around the answer."""
    start, end = wording.span or (0, len(wording.text))
    return lang, wording.text[:start], wording.text[end:]


def _without(answers: Sequence[str], true: Collection[str]) -> tuple[str, ...]:
    folded = {answer.casefold() for answer in true}
    return tuple(dict.fromkeys(answer for answer in answers if answer.casefold() not in folded))


def _infos(translators: Sequence[Translator], used: Collection[str]) -> tuple[TranslatorInfo, ...]:
    return tuple(translator.info() for translator in translators if translator.name in used)
