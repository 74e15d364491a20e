"""Text in one spelling before any offset is taken, and answers put into prompts or found in texts.

Zero-width spaces, byte order marks, word joiners and soft hyphens are dropped: they change tokens and no reader sees
them. Zero-width joiner and non-joiner stay: they are spelling in Hindi, Bengali and Persian.
"""

import re
import unicodedata

from xlforget.request.fact import Statement
from xlforget.request.faults import Fault

MASK = "<mask>"
_DROPPED = re.compile("[\u200b\ufeff\u2060\u00ad]")


def clean(text: str) -> str:
    """NFC without invisible characters that are no spelling. Cleaning twice changes nothing."""
    return unicodedata.normalize("NFC", _DROPPED.sub("", text))


def join(before: str, answer: str, after: str) -> Statement:
    """The statement ``before + answer + after`` of cleaned pieces. Fault JOINT: NFC composes across a joint.

    A combining mark at the start of a piece would become one letter with the piece before it, and offsets would lie.
    """
    text = before + answer + after
    if clean(text) != text:
        raise Fault("JOINT", "the answer and the text beside it join into one letter; put whole letters in both")
    return Statement(text=text, span=(len(before), len(before) + len(answer)))


def fill(prompt: str, answer: str) -> Statement:
    """``answer`` in the place of the one ``<mask>`` of ``prompt``, with its span.

    Raises Fault NO_MASK, TWO_MASKS, EMPTY_TEXT, MASK_IN_TEXT or JOINT.
    """
    prompt, answer = clean(prompt), clean(answer)
    masks = prompt.count(MASK)
    if masks == 0:
        raise Fault("NO_MASK", f"holds no {MASK} where the answer goes")
    if masks > 1:
        raise Fault("TWO_MASKS", f"holds {MASK} more than once")
    if not answer.strip():
        raise Fault("EMPTY_TEXT", "has an answer without a character to read")
    if MASK in answer:
        raise Fault("MASK_IN_TEXT", f"has an answer that holds {MASK}")
    before, _, after = prompt.partition(MASK)
    return join(before, answer, after)


def locate(text: str, answer: str) -> Statement:
    """``answer`` where it stands in ``text``. Fault ANSWER_NOT_IN_TEXT, ANSWER_TWICE: not exactly once."""
    text, answer = clean(text), clean(answer)
    start = text.find(answer) if answer else -1
    if start < 0:
        raise Fault("ANSWER_NOT_IN_TEXT", "does not hold its answer as it is written there")
    # From the next character on, not from the answer's end: two places may overlap.
    if text.find(answer, start + 1) >= 0:
        raise Fault("ANSWER_TWICE", "holds its answer more than once")
    return Statement(text=text, span=(start, start + len(answer)))


def cut(text: str, span: tuple[int, int]) -> Statement:
    """The statement whose answer is ``span`` of the cleaned text. Fault BAD_SPAN: not there, or nothing to read."""
    text = clean(text)
    start, end = span
    if not 0 <= start < end <= len(text) or not text[start:end].strip():
        raise Fault("BAD_SPAN", f"has a span that holds no character of its {len(text)}; it is [start, end], counted from 0")
    return Statement(text=text, span=(start, end))
