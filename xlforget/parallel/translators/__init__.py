"""Translators by name. One that needs torch is named here and imported only when asked for."""

from pkgutil import resolve_name

from xlforget.errors import UsageError
from xlforget.parallel.translators.base import Missing, Translator

REGISTRY = {
    "given": "xlforget.parallel.translators.given:Given",
    "phrasebook": "xlforget.parallel.translators.phrasebook:Phrasebook",
}

__all__ = ["REGISTRY", "Missing", "Translator", "get_translator"]


def get_translator(name: str) -> Translator:
    """The translator of that name. UsageError UNKNOWN_TRANSLATOR: there is none."""
    if name not in REGISTRY:
        raise UsageError(f"Unknown translator {name!r}.", do=f"Use one of: {', '.join(REGISTRY)}.", code="UNKNOWN_TRANSLATOR")
    translator: Translator = resolve_name(REGISTRY[name])()
    return translator
