"""From a request to its parallel set: each fact in each asked language, with other answers to compare against.

A fact that cannot be had in an asked language stops everything, and all such facts are named at once: a language left
out in silence is a language in which nothing was forgotten.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from xlforget.errors import Problem, UsageError
from xlforget.parallel.parallel_set import Pair, ParallelSet, TranslatorInfo, Wording
from xlforget.parallel.translators.base import Missing, Translator
from xlforget.request import invent, phrasebook
from xlforget.request.fact import ErasureRequest, Fact

CANDIDATES = 16
FEWEST_OTHER_ANSWERS = 4
CODE = "MISSING_TRANSLATION"


class MissingTranslation(UsageError):
    """Facts that cannot be had in an asked language, by line (exit 2)."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            f"{len(problems)} fact{'s' if len(problems) != 1 else ''} cannot be had in every language asked for.",
            do="Give the text in these languages (record forms 5 and 6), or say that these languages are left out.",
            code=CODE,
        )
        self.problems = tuple(problems)


@dataclass(frozen=True)
class _Worded:
    """What the translators made of one fact in one language."""

    fact: Fact
    lang: str
    translator: str
    wordings: tuple[Wording, ...] = ()
    missing: Missing | None = None

    @property
    def relation(self) -> str | None:
        return self.fact.structured.relation if self.fact.structured else None

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

    ``leave_out`` names languages in which a fact may be missing: such a pair is kept without wordings, as ``fail`` or
    ``review`` with the reason, so that the report can count it. ``seed`` draws the phrasebook's candidates.
    Raises MissingTranslation for every other missing pair, and for a fact that is left with no language at all.
    """
    worded = [_word(fact, lang, translators) for fact in request.facts for lang in languages]
    problems = list(_problems(request, worded, leave_out))
    if problems:
        raise MissingTranslation(problems)
    candidates = _Candidates(worded, seed)
    used = {item.translator for item in worded if item.missing is None}
    return ParallelSet(
        pairs=tuple(_pair(item, candidates) for item in worded),
        languages=tuple(languages),
        translators=_infos(translators, used),
    )


def _word(fact: Fact, lang: str, translators: Sequence[Translator]) -> _Worded:
    missing = Missing("no translator for such a record")
    for translator in translators:
        try:
            return _Worded(fact, lang, translator.name, translator.wordings(fact, lang))
        except Missing as error:
            if error.reason and not missing.review:
                missing = error
    return _Worded(fact, lang, "", missing=missing)


def _problems(request: ErasureRequest, worded: Sequence[_Worded], leave_out: Collection[str]) -> Iterator[Problem]:
    """One problem for each fact with a missing pair that was not allowed for, in the order of the request."""
    of_fact = defaultdict(list)
    for item in worded:
        of_fact[item.fact.id].append(item)
    for fact in request.facts:
        items = of_fact[fact.id]
        nowhere = all(item.missing for item in items)
        lacking = [item for item in items if item.missing and (nowhere or item.lang not in leave_out)]
        if lacking or nowhere:
            yield Problem(fact.line, CODE, _by_reason(lacking) or "no language asked for")


def _by_reason(lacking: Sequence[_Worded]) -> str:
    """ "fr, de: no text given in this language; hi: the name is not given in this script"."""
    languages = defaultdict(list)
    for item in lacking:
        if item.missing:
            languages[item.missing.reason].append(item.lang)
    return "; ".join(f"{', '.join(langs)}: {reason}" for reason, langs in languages.items())


def _pair(item: _Worded, candidates: "_Candidates") -> Pair:
    status = "ok" if item.missing is None else "review" if item.missing.review else "fail"
    return Pair(
        fact=item.fact.id,
        lang=item.lang,
        wordings=item.wordings,
        candidates=candidates.of(item),
        relation=item.relation,
        status=status,
        reason=item.missing.reason if item.missing else "",
        translator=item.translator,
    )


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
