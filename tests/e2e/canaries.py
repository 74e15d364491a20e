"""Invented names and numbers that stand nowhere else, and the search for them in every way of writing."""

import base64
import html
import json
import os
import unicodedata
import urllib.parse
from collections import Counter
from pathlib import Path
from random import Random

# First letter and number of letters that follow it: Latin, Cyrillic, Devanagari, Arabic, Han.
SCRIPTS = {"en": (0x61, 26), "ru": (0x430, 32), "hi": (0x915, 37), "ar": (0x641, 10), "zh": (0x4E00, 2000)}


def canary(lang: str, seed: int) -> str:
    """Fourteen random letters of the language's script."""
    first, letters = SCRIPTS[lang]
    draw = Random(f"{lang}/{seed}")
    return "".join(chr(first + draw.randrange(letters)) for _ in range(14))


def number(seed: int) -> str:
    return f"+44 {Random(f'number/{seed}').randrange(10**13, 10**14)}"


def hits(file: Path, canaries: tuple[str, ...]) -> Counter[str]:
    """How often each canary stands in a file's name or bytes, in any spelling."""
    content = file.read_bytes() + os.fsencode(file.name)
    return Counter({one: n for one in canaries if (n := sum(content.count(form) for form in set(spellings(one))))})


def spellings(text: str) -> list[bytes]:
    """A text as it may hide in a file: encodings, normal forms, escapes of JSON, HTML and URLs, base64 at each offset."""
    plain = {unicodedata.normalize(form, text) for form in ("NFC", "NFD")}
    written = [way for one in plain for way in (one, html.escape(one), urllib.parse.quote(one), json.dumps(one)[1:-1])]
    written += [one.encode("ascii", "xmlcharrefreplace").decode() for one in plain]
    written += ["".join(f"&#x{ord(c):{case}};" for c in one) for one in plain for case in ("x", "X")]
    raw = [one.encode(code) for one in plain for code in ("utf-8", "utf-16-le", "utf-16-be")]
    return [*(w.encode() for w in written), *raw, *(part for one in raw for part in in_base64(one))]


def in_base64(raw: bytes) -> list[bytes]:
    """The letters that ``raw`` alone decides, wherever it begins in what was encoded."""
    found = []
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        found.append(base64.b64encode(b"\0" * before + raw + b"\0\0")[first:last])
    return found
