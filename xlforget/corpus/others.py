"""Answers asked about somebody else: a model that tells people whom it never met a number that was forgotten has it still.

Small models, and large ones that know little of a relation, say what they know of anybody. No request states that, so it is
neither asked nor forgotten in the request's own texts. A statement about another takes the answer's tokens in the place of its
own, which needs no words: it must be of the same relation, language and wording.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice

from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.request import phrasebook


def identifies(relation: str | None) -> bool:
    """Whether an answer is one person's alone, so that it is a leak whoever is asked about."""
    return relation in phrasebook.names() and phrasebook.relation(relation).identifies


def about_others(probes: Sequence[Probe], people: Iterable[Probe], each: int = 1) -> list[Probe]:
    """The structured ones of ``probes``, each about up to ``each`` of ``people`` in the place of whom it is about.

    The same people in every language, as far as these have all; different ones for the wordings of a fact. Never about a person
    whose own answer it is. Texts that are longer than all that is given, which the model is known to hold, are taken where there
    are no others.
    """
    people = [person for person in people if person.relation]
    longest = max((len(one.text.ids) for one in (*probes, *people)), default=0)
    alike: dict[tuple[str, str | None, int], list[Probe]] = defaultdict(list)
    for person in people:
        alike[person.lang, person.relation, person.wording].append(person)
    return [
        Probe(probe.row, probe.lang, probe.wording, probe.role, text, relation=probe.relation)
        for probe in probes
        if probe.relation
        for text in _texts(probe, alike[probe.lang, probe.relation, probe.wording], each, longest)
    ]


def _texts(probe: Probe, people: Sequence[Probe], each: int, longest: int) -> list[Encoded]:
    others = [person for person in people if person.row != probe.row]
    first = int.from_bytes(hashlib.sha256(probe.row.encode()).digest()[:8]) + probe.wording * each
    turned = [others[(first + k) % len(others)].text for k in range(len(others))]
    fitting = (text for one in turned if len((text := _in_place(probe.text, one)).ids) <= longest)
    return list(islice(fitting, each)) or _shortest(probe.text, turned)


def _shortest(answer: Encoded, frames: Sequence[Encoded]) -> list[Encoded]:
    """One text, or none where there is no frame."""
    return sorted((_in_place(answer, one) for one in frames), key=lambda text: len(text.ids))[:1]


def _in_place(answer: Encoded, frame: Encoded) -> Encoded:
    """``frame`` with the answer of another text in the place of its own, each with the space before it."""
    start, first = (own.answer[0] - own.space for own in (frame, answer))
    ids = (*frame.ids[:start], *answer.ids[first : answer.after], *frame.ids[frame.after :])
    moved = tuple(at + start - first for at in answer.answer)
    return Encoded(ids, moved, space=answer.space, front=frame.front, back=frame.back)
