"""Which writing system a text is in, letter by letter."""

import unicodedata
from functools import lru_cache

import langcodes

# ISO 15924 to the first word of the Unicode names of its letters.
_NAMES = {
    "Latn": ("LATIN",), "Cyrl": ("CYRILLIC",), "Grek": ("GREEK",), "Arab": ("ARABIC",), "Hebr": ("HEBREW",),
    "Deva": ("DEVANAGARI",), "Beng": ("BENGALI",), "Guru": ("GURMUKHI",), "Gujr": ("GUJARATI",), "Orya": ("ORIYA",),
    "Taml": ("TAMIL",), "Telu": ("TELUGU",), "Knda": ("KANNADA",), "Mlym": ("MALAYALAM",), "Sinh": ("SINHALA",),
    "Thai": ("THAI",), "Laoo": ("LAO",), "Mymr": ("MYANMAR",), "Khmr": ("KHMER",), "Tibt": ("TIBETAN",),
    "Geor": ("GEORGIAN",), "Armn": ("ARMENIAN",), "Ethi": ("ETHIOPIC",), "Tfng": ("TIFINAGH",), "Olck": ("OL",),
    "Hans": ("CJK",), "Hant": ("CJK",), "Jpan": ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"),
    "Kore": ("HANGUL", "CJK"),
}  # fmt: skip
_WITHOUT_SPACES = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN"})


@lru_cache(maxsize=1024)
def script(tag: str) -> str:
    """The ISO 15924 code of the script that the language is usually written in: "hi" is "Deva"."""
    return langcodes.Language.get(tag).maximize().script or "Zyyy"


@lru_cache(maxsize=1 << 16)
def letter(sign: str) -> str:
    """The script of a letter as Unicode names it ("LATIN"); "" for what is no letter."""
    return unicodedata.name(sign, "").split(" ")[0] if sign.isalpha() else ""


def share(text: str, tag: str) -> float | None:
    """The share of a text's letters that are in the language's script; None: no letters, or a script not in the table."""
    names = _NAMES.get(script(tag))
    letters = [name for sign in text if (name := letter(sign))]
    if not letters or names is None:
        return None
    return sum(name in names for name in letters) / len(letters)


def joined(left: str, right: str) -> bool:
    """Whether two neighbouring signs belong to one word: letters, marks or digits, of a script that spaces its words."""
    return all(unicodedata.category(sign)[0] in "LMN" and letter(sign) not in _WITHOUT_SPACES for sign in (left, right))
