"""What can be wrong with a record, said without a word of what it holds.

Messages are built from key names that are ours, canonical language tags, counts and places; never from a value, and
never from a key that is not ours, which may be a name that slipped into the wrong place.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from xlforget.request.tags import canonical_tag

TYPES = {
    "string_type": "a string",
    "dict_type": "an object",
    "list_type": "an array",
    "tuple_type": "an array",
}
MOST = 50  # of one record; each costs a look at all its keys
# Markers that pydantic puts into places, for a value that may be a string or an object.
BRANCHES = ("string", "by_language")
# pydantic's types and our own validators' to (code, what is wrong).
KINDS = {
    "missing": ("MISSING_KEY", "is missing"),
    "string_too_short": ("EMPTY_TEXT", "is empty"),
    "too_short": ("EMPTY_TEXT", "is empty"),
    "blank": ("EMPTY_TEXT", "holds no character to read"),
    "too_long": ("TOO_LONG", "is too long"),
    "language": ("UNKNOWN_LANGUAGE", "is no language tag; tags are BCP-47, such as en, pt-BR or zh"),
    "language_twice": ("DUPLICATE_LANGUAGE", "names one language twice"),
    "literal_error": ("BAD_VALUE", "is not one of the values that the schema names"),
}


class Fault(ValueError):
    """One thing wrong with one record: a stable code, and a message that goes on from the name of a key."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Faults(ValueError):
    """Several of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = tuple(faults)


def of_validation(
    error: ValidationError, record: Mapping[str, Any], known: Sequence[str], ours: Collection[str]
) -> Iterator[Fault]:
    """The faults that pydantic found, from the places and types of its errors alone.

    ``known``: the keys of the record's form; ``ours``: the keys of all forms, which may be named.
    """
    for found in error.errors(include_url=False, include_context=False, include_input=False)[:MOST]:
        # Never found["msg"]: it may quote the value.
        place = tuple(part for part in found["loc"] if part not in BRANCHES)
        if found["type"] == "extra_forbidden":
            yield unknown_key(str(place[0]), record, known, ours)
        elif place[0] == "span":
            yield Fault("BAD_SPAN", "`span` must be [start, end], two whole numbers")
        else:
            code, message = _meaning(found["type"])
            yield Fault(code, f"{_where(place, record)} {message}")


def unknown_key(key: str, record: Mapping[str, Any], known: Sequence[str], ours: Collection[str]) -> Fault:
    """A key that the form does not have, by its place in the record, with the key that was perhaps meant."""
    close = [] if key in ours else get_close_matches(key, ours, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"this form has {', '.join(known)}"
    shown = f"`{key}`" if key in ours else f"key {list(record).index(key) + 1} of the record"
    return Fault("UNKNOWN_KEY", f"{shown} is unknown here; {hint}")


def _meaning(kind: str) -> tuple[str, str]:
    if kind in TYPES:
        return "WRONG_TYPE", f"must be {TYPES[kind]}"
    return KINDS.get(kind, ("BAD_VALUE", "is not what the schema asks for"))


def _where(place: Sequence[str | int], record: Mapping[str, Any]) -> str:
    """ "`texts.fr`", "`candidates.en`, entry 2", "key 3 of `texts`": a key is named only where it is a language's."""
    field, *inner = place
    if not inner:
        return f"`{field}`"
    tag = canonical_tag(str(inner[0]))
    if tag is None:
        keys = list(record[str(field)])
        return f"key {keys.index(inner[0]) + 1} of `{field}`" if inner[0] in keys else f"a key of `{field}`"
    entry = next((f", entry {part + 1}" for part in inner[1:] if isinstance(part, int)), "")
    return f"`{field}.{tag}`{entry}"
