"""Invented people and objects for controls, neighbours and margins: seeded, distinct, and aligned over languages.

The same seed gives the same people and objects in every language: entry 3 in Hindi is entry 3 in English.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from random import Random

from xlforget.errors import UsageError
from xlforget.request import kinds
from xlforget.request.fact import EVERY_LANGUAGE, Gender, Structured
from xlforget.request.kinds import Kind, Value
from xlforget.request.phrasebook import Relation

_TRIES = 1000  # draws in a row that bring nothing new: the kind has no more to give


def invent_people(relation: Relation, count: int, seed: int, langs: Sequence[str]) -> tuple[Structured, ...]:
    """``count`` people with an object each, names and objects in every one of ``langs``.

    No two people share a name in any language. Objects are distinct as long as their kind has enough of them, then they
    come again. Raises UsageError for a language without invented names.
    """
    names = _several(kinds.kind("person"), count, Random(f"people/{relation.name}/{seed}"))
    objects = _several(kinds.kind(relation.object_kind), count, Random(f"owned/{relation.name}/{seed}"))
    genders = Random(f"genders/{relation.name}/{seed}")
    return tuple(
        Structured(
            subject=_in(name, langs),
            relation=relation.name,
            object=_in(objects[index % len(objects)], langs),
            gender=genders.choice(_GENDERS),
        )
        for index, name in enumerate(names)
    )


def invent_objects(relation: Relation, lang: str, count: int, seed: int) -> tuple[str, ...]:
    """``count`` distinct objects of the relation's kind in a language, fewer where the kind has fewer."""
    drawn = _objects(relation.object_kind, count, f"objects/{relation.name}/{seed}")
    return tuple(_in(value, (lang,))[lang] for value in drawn)


@lru_cache(maxsize=256)
def _objects(kind: str, count: int, seed: str) -> tuple[Value, ...]:
    """Drawn once: every control of a relation is compared with the same ones."""
    return tuple(_several(kinds.kind(kind), count, Random(seed)))


_GENDERS: tuple[Gender, Gender] = ("f", "m")


def _several(kind: Kind, count: int, random: Random) -> list[Value]:
    """Up to ``count`` values, no two alike in any language."""
    if kind.values:
        return random.sample(kind.values, min(count, len(kind.values)))
    return list(_distinct(kind, count, random))


def _distinct(kind: Kind, count: int, random: Random) -> Iterator[Value]:
    seen: set[tuple[str, str]] = set()
    tries = 0
    while count and tries < _TRIES:
        value = kind.draw(random)
        tries += 1
        if seen.isdisjoint(value.items()):
            seen.update(value.items())
            yield value
            count, tries = count - 1, 0


def _in(value: Value, langs: Iterable[str]) -> dict[str, str]:
    try:
        return {lang: kinds.in_language(value, lang) for lang in langs}
    except KeyError as error:
        raise UsageError(
            f"There are no invented names in the language {error.args[0]}.",
            do=f"Use the phrasebook's languages: {', '.join(key for key in value if key != EVERY_LANGUAGE)}.",
            code="UNKNOWN_LANGUAGE",
        ) from None
