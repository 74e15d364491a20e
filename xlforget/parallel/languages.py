"""Language tags: canonical BCP-47 forms, names for people, scripts, and what ``--languages auto`` stands for."""

import langcodes

from xlforget.errors import UsageError
from xlforget.request import phrasebook
from xlforget.request.fact import ErasureRequest
from xlforget.request.tags import canonical_tag

AUTO = "auto"


def canonical(tag: str) -> str:
    """The canonical form of a BCP-47 tag ("EN-us" is "en-US", "eng" is "en"). UsageError: no such language."""
    standard = canonical_tag(tag.strip())
    if standard is None:
        raise UsageError(
            f"Unknown language tag {tag!r}.",
            do="Use BCP-47 tags such as en, pt-BR or zh, separated by commas.",
            code="UNKNOWN_LANGUAGE",
        )
    return standard


def parse_languages(option: str) -> tuple[str, ...]:
    """A comma-separated option as canonical tags, each once, in the order given; ``auto`` and nothing are ()."""
    if option.strip() in ("", AUTO):
        return ()
    return tuple(dict.fromkeys(canonical(tag) for tag in option.split(",") if tag.strip()))


def auto_languages(request: ErasureRequest) -> tuple[str, ...]:
    """The languages of the request's own texts, then the phrasebook's where a record names a relation."""
    given = [lang for fact in request.facts for lang in fact.statements]
    book = phrasebook.languages() if any(fact.structured for fact in request.facts) else ()
    return tuple(dict.fromkeys([*given, *book]))


def display_name(tag: str) -> str:
    """The English name of a language: "pt-BR" is "Portuguese (Brazil)"."""
    return str(langcodes.Language.get(tag).display_name())
