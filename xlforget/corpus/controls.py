"""Controls: unseen statements of the facts' own form, which say how a model scores on what it never saw.

They share no prompt with a fact or a retain row, and are split by hash into *aim* (levels to train towards), *stop* (how far
unseen text has drifted, and when to stop training) and *gate* (the verdict), so that what is judged was never tuned on.
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import count
from math import comb
from random import Random
from typing import Literal

from xlforget.corpus.others import identifies
from xlforget.parallel.build import FEWEST_OTHER_ANSWERS
from xlforget.parallel.parallel_set import Pair, Wording
from xlforget.parallel.translators.base import Missing, Translator
from xlforget.request import invent, phrasebook
from xlforget.request.fact import Fact, Statement, Structured

Split = Literal["aim", "stop", "gate"]
Group = Literal["structured", "answer", "sentence", "others"]

OTHER_ANSWERS = 8
# Begins the ids of controls: no fact's id can, for these are cleaned of this character.
NO_FACT = "\u200b"
SPLITS: tuple[Split, ...] = ("aim", "stop", "gate")
# As many orders as a hundred tests under an error rate of 1 % together ask for; and no fewer controls than this.
ORDERS, LEAST = 10_000, 50
EACH = 30  # people of a relation: in each split there are some
# Begins the ids of people who are there to be asked about alone: they are no controls of the facts as they stand.
OTHER = f"{NO_FACT}o-"


def group_of(pair: Pair) -> Group:
    """Facts are tested against controls of their own form: phrasebook frames, texts with an answer, whole sentences. Where they
    are asked about others, more people may be among these."""
    if pair.fact.startswith(OTHER):
        return "others"
    if pair.relation is not None:
        return "structured"
    return "sentence" if all(w.span is None for w in pair.wordings) else "answer"


def split_of(row: str) -> Split:
    """A control's split, from a hash of its id: the same in every run and in every language."""
    return SPLITS[int.from_bytes(hashlib.sha256(row.encode()).digest()[:8]) % len(SPLITS)]


def from_unseen(unseen: Sequence[Fact], langs: Sequence[str], known: Iterable[Pair], retain: Sequence[Fact]) -> tuple[Pair, ...]:
    """Controls from the user's unseen rows, each once, less those that share a prompt with a fact or a retain row.

    A row without candidates takes answers of other unseen rows, as a fact takes those of the request.
    """
    taken = {(p.lang, _prompt(w.text, w.span)) for p in known for w in p.wordings}
    taken |= {(lang, _prompt(s.text, s.span)) for row in retain for lang, s in row.statements.items()}
    answers = _answers(unseen)
    seen: set[tuple[tuple[str, str], ...]] = set()
    made: list[Pair] = []
    for number, row in enumerate(unseen):
        texts = tuple(sorted((lang, s.text) for lang, s in row.statements.items()))
        if texts not in seen and not any((lang, _prompt(s.text, s.span)) in taken for lang, s in row.statements.items()):
            made += [
                _pair(unseen_row(number), lang, s, row.candidates.get(lang) or _drawn(answers[lang], s, number))
                for lang, s in row.statements.items()
                if lang in langs
            ]
        seen.add(texts)
    return tuple(made)


def _answers(rows: Sequence[Fact]) -> dict[str, list[str]]:
    """All answers by language, each once."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for lang, s in row.statements.items():
            found.setdefault(lang, {}).update({s.answer: None} if s.span else {})
    return {lang: list(own) for lang, own in found.items()}


def _drawn(answers: Sequence[str], statement: Statement, number: int) -> tuple[str, ...]:
    """Some of the other answers, the same in every run; none where there are too few to compare with."""
    others = [answer for answer in answers if answer.casefold() != statement.answer.casefold()]
    if statement.span is None or len(others) < FEWEST_OTHER_ANSWERS:
        return ()
    return tuple(Random(number).sample(others, min(OTHER_ANSWERS, len(others))))


def unseen_row(number: int) -> str:
    """The id of a control that is the user's unseen row of this number."""
    return f"{NO_FACT}u{number}"


def _prompt(text: str, span: tuple[int, int] | None) -> str:
    return text if span is None else f"{text[: span[0]]}\0{text[span[1] :]}"


def _pair(row: str, lang: str, statement: Statement, candidates: Sequence[str]) -> Pair:
    wording = Wording(text=statement.text, span=statement.span, role="all")
    others = tuple(c for c in candidates if c != wording.answer)
    return Pair(fact=row, lang=lang, wordings=(wording,), candidates=others, relation=None, status="ok", translator="unseen")


def from_phrasebook(
    facts: Sequence[Fact], langs: Sequence[str], translator: Translator, rows: int, seed: int
) -> tuple[Pair, ...]:
    """About ``rows`` invented people in the relations of the structured ``facts``, in the facts' proportions."""
    relations = [fact.structured.relation for fact in facts if fact.structured]
    if not relations:
        return ()
    each = -(-rows // len(relations))
    made: list[Pair] = []
    for name in sorted(set(relations)):
        made += _people(name, 0, each * relations.count(name), f"{NO_FACT}p-", langs, translator, seed)
    return tuple(made)


def to_ask_about(facts: Sequence[Fact], langs: Sequence[str], translator: Translator, rows: int, seed: int) -> tuple[Pair, ...]:
    """More people of the relations whose answers are one person's alone, where `from_phrasebook` gave too few of them among its
    ``rows`` to tell anything: a single number among many employers has few controls in its proportion."""
    relations = [fact.structured.relation for fact in facts if fact.structured]
    alone = [name for name in relations if identifies(name)]
    each = -(-rows // max(1, len(relations)))
    more = max(0, -(-(_enough(len(alone)) - each * len(alone)) // len(alone))) if alone else 0
    made: list[Pair] = []
    for name in sorted(set(alone)):
        had, wanted = each * alone.count(name), (each + more) * alone.count(name)
        made += _people(name, had, max(wanted, EACH) - had, OTHER, langs, translator, seed)
    return tuple(made)


def _enough(facts: int) -> int:
    """Rows of which a third, as hashes fall, are controls that facts as few as these can be told from by chance alone.

    All of n facts above all of N controls is one order of comb(N + n, n); a single fact is looked for by how far it lies out.
    """
    least = next(own for own in count(LEAST) if facts == 1 or comb(own + facts, facts) >= ORDERS)
    return round(len(SPLITS) * least * 1.1)


def _people(
    relation: str, first: int, more: int, prefix: str, langs: Sequence[str], translator: Translator, seed: int
) -> list[Pair]:
    """``more`` invented people behind the ``first``, in the phrasebook's words."""
    people = invent.invent_people(phrasebook.relation(relation), first + more, seed, langs)[first:]
    return [
        pair
        for number, person in enumerate(people, first)
        for pair in worded(f"{prefix}{relation}-{number}", person, langs, translator, seed)
    ]


def from_structured(unseen: Sequence[Fact], langs: Sequence[str], translator: Translator, seed: int) -> tuple[Pair, ...]:
    """Controls from the user's unseen rows of form 4, in the phrasebook's words."""
    return tuple(
        pair
        for number, row in enumerate(unseen)
        if row.structured
        for pair in worded(unseen_row(number), row.structured, langs, translator, seed)
    )


def worded(row: str, person: Structured, langs: Sequence[str], translator: Translator, seed: int) -> list[Pair]:
    """A person's pairs in those of ``langs`` that the translator can word, with other answers of the type."""
    fact = Fact(id=row, line=0, form=4, statements={}, structured=person, candidates={})
    relation = phrasebook.relation(person.relation)
    pairs = []
    for lang in langs:
        (draft,) = translator.word([fact], lang, langs)
        if isinstance(draft, Missing):
            continue
        others = [o for o in invent.invent_objects(relation, lang, OTHER_ANSWERS, seed) if o != draft.wordings[0].answer]
        pairs.append(
            Pair(
                fact=row,
                lang=lang,
                wordings=draft.wordings,
                candidates=tuple(others),
                relation=person.relation,
                status="ok",
                translator=translator.name,
            )
        )
    return pairs
