"""Translators by name. Machines are named here and imported when asked for: some of them need torch."""

from pkgutil import resolve_name

from xlforget.errors import UsageError
from xlforget.parallel.translators.base import Draft, Missing, Translator
from xlforget.parallel.translators.engine import Engine, EngineOptions

_HERE = "xlforget.parallel.translators"
# What needs nothing but the request.
OWN = {"given": f"{_HERE}.given:Given", "phrasebook": f"{_HERE}.phrasebook:Phrasebook"}
# Machines; each is made with the EngineOptions.
ENGINES = {
    "apertium": f"{_HERE}.apertium:Apertium",
    "seq2seq": f"{_HERE}.seq2seq:with_options",
    "ct2": f"{_HERE}.ct2:with_options",
    "chat": f"{_HERE}.chat:with_options",
}
# The model that is to forget, which whoever opens it hands over.
SELF = "self"

__all__ = ["ENGINES", "OWN", "SELF", "Draft", "Engine", "EngineOptions", "Missing", "Translator", "get_translator", "open_engine"]


def get_translator(name: str) -> Translator:
    """One of the translators that need nothing but the request. UsageError UNKNOWN_TRANSLATOR: there is none."""
    translator: Translator = resolve_name(_known(name, OWN))()
    return translator


def open_engine(name: str, options: EngineOptions) -> Engine:
    """A machine by name. UsageError UNKNOWN_TRANSLATOR; MachineError BACKEND_MISSING where it is not installed."""
    engine: Engine = resolve_name(_known(name, ENGINES))(options)
    return engine


def _known(name: str, table: dict[str, str]) -> str:
    if name not in table:
        raise UsageError(f"Unknown translator {name!r}.", do=f"Use one of: {', '.join(table)}.", code="UNKNOWN_TRANSLATOR")
    return table[name]
