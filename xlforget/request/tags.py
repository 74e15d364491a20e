"""Language tags in one spelling."""

from functools import lru_cache

LONGEST = 35  # RFC 5646, section 4.4.1
NO_LANGUAGE = ("und", "mul", "zxx", "mis")


@lru_cache(maxsize=4096)
def canonical_tag(tag: str) -> str | None:
    """The canonical form of a BCP-47 tag ("EN-us" is "en-US", "eng" is "en"), or None where it names no language.

    Extensions and private parts ("en-x-anything") are refused: they may hold any text, and tags are shown in messages.
    """
    if not tag.isascii() or len(tag) > LONGEST or tag.lower().startswith("x-"):
        return None
    import langcodes  # here: most imports of this room read no tag
    from langcodes.tag_parser import LanguageTagError

    try:
        standard = str(langcodes.standardize_tag(tag))
        language = langcodes.Language.get(standard)
        valid = language.is_valid() and not language.extensions and not language.private
    except LanguageTagError:
        return None
    return standard if valid and language.language and language.language not in NO_LANGUAGE else None
