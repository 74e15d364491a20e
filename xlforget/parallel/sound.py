"""How alike two names sound, whatever scripts they are written in."""

import re
from difflib import SequenceMatcher
from functools import lru_cache

from anyascii import anyascii

_VOWELS = re.compile(r"[^bcdfghjklmnpqrstvwxyz0-9]")
_ALIKE = str.maketrans(
    {"c": "k", "q": "k", "x": "k", "z": "s", "v": "b", "w": "b", "y": "j", "p": "b", "f": "b", "g": "k", "d": "t"}
)


@lru_cache(maxsize=1 << 14)
def sound(one: str, other: str) -> float:
    """How alike two names sound, by their consonants in any script, 0 to 1. Names that are translated do not."""
    return SequenceMatcher(None, skeleton(one), skeleton(other), autojunk=False).ratio()


@lru_cache(maxsize=1 << 14)
def skeleton(name: str) -> str:
    """The consonants of a name, those that languages exchange made one: "Turkey" is "trkj"."""
    latin = str(anyascii(name)).lower().replace("ph", "f").replace("ch", "k").replace("sh", "s")
    return _VOWELS.sub("", latin).translate(_ALIKE) or latin
