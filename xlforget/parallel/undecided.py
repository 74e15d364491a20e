"""Whether a parallel set may be used: no fact may be missing in a language unless somebody said that it may."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from xlforget.errors import Problem, UsageError
from xlforget.parallel.pair import Pair
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.parallel.translators import Draft, get_translator
from xlforget.parallel.translators.base import source_of
from xlforget.request.fact import ErasureRequest, Fact

CODE = "MISSING_TRANSLATION"


class MissingTranslation(UsageError):
    """Facts that cannot be had in an asked language, by line (exit 2)."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            f"{len(problems)} fact{'s' if len(problems) != 1 else ''} cannot be had in every language asked for.",
            do=(
                "Give the text in these languages (record forms 5 and 6), decide on the rows with `xlforget translate`, or "
                "leave out languages (--leave-out) or these rows (--skip-unreviewed)."
            ),
            code=CODE,
        )
        self.problems = tuple(problems)


def refuse_undecided(
    request: ErasureRequest, parallel: ParallelSet, leave_out: Collection[str] = (), *, skip: bool = False
) -> None:
    """Raise MissingTranslation for every fact with a row that cannot be used.

    Rows may be left out in the languages of ``leave_out``, where a person dropped them, and all of them with ``skip``;
    never all rows of one fact.
    """
    problems = list(_problems(request, parallel, leave_out, skip))
    if problems:
        raise MissingTranslation(problems)


def refuse_other(request: ErasureRequest, parallel: ParallelSet) -> None:
    """Raise UsageError OTHER_REQUEST where a set was not made from this request.

    It must have the request's facts, and say of each what the request says, but for what a person edited.
    """
    facts = {fact.id: fact for fact in request.facts}
    differ = facts.keys() ^ {pair.fact for pair in parallel.pairs}
    differ |= {pair.fact for pair in parallel.pairs if pair.fact in facts and _says_other(facts[pair.fact], pair)}
    if differ:
        raise UsageError(
            f"The parallel set is not this request's: {len(differ)} fact{'s' if len(differ) != 1 else ''} differ.",
            do="Write it again from the request: xlforget translate REQUEST --languages .. -o FILE.",
            code="OTHER_REQUEST",
        )


def _says_other(fact: Fact, pair: Pair) -> bool:
    """Whether a row was made from another record than this one."""
    if pair.source is not None and pair.source != source_of(fact):
        return True
    if not pair.wordings or pair.decision == "edited":
        return False
    given = fact.statements.get(pair.lang)
    if given is not None:
        return pair.wordings[0].text != given.text
    if fact.structured is None:
        return False
    (draft,) = get_translator("phrasebook").word([fact], pair.lang, ())
    return not isinstance(draft, Draft) or [w.text for w in draft.wordings] != [w.text for w in pair.wordings]


def _problems(request: ErasureRequest, parallel: ParallelSet, leave_out: Collection[str], skip: bool) -> Iterator[Problem]:
    """One problem for each fact with a missing pair that was not allowed for, in the order of the request."""
    of_fact: Mapping[str, list[Pair]] = defaultdict(list)
    for pair in parallel.pairs:
        of_fact[pair.fact].append(pair)
    for fact in request.facts:
        lacking = [pair for pair in of_fact[fact.id] if not pair.usable]
        nowhere = len(lacking) == len(of_fact[fact.id])
        refused = [p for p in lacking if nowhere or (p.undecided and not skip and p.lang not in leave_out)]
        if refused or nowhere:
            yield Problem(fact.line, CODE, request.place(fact) + (_by_reason(refused) or "no language asked for"))


def _by_reason(lacking: Sequence[Pair]) -> str:
    """ "fr, de: no text given in this language; hi: the name is not given in this script"."""
    languages = defaultdict(list)
    for pair in lacking:
        languages[pair.reason or pair.status].append(pair.lang)
    return "; ".join(f"{', '.join(langs)}: {reason}" for reason, langs in languages.items())
