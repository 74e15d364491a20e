"""What a language model is asked, and what counts as its answer. An answer that is not clean is none."""

import re

from xlforget.parallel.languages import display_name
from xlforget.parallel.translators.engine import CLOSE, OPEN, Translation

VERSION = "1"  # of the wording of the prompts, which is part of what a translation depends on

SYSTEM = "You are a translation engine. You write what you are asked for between the tags, nothing outside them, no comment."
_KEEP = f"Keep the tags {OPEN} and {CLOSE}, once each, around the part that says the same. "
_THOUGHT = re.compile(r"^.*</think>", re.DOTALL)
_OUT = re.compile(r"<out>(.*?)</out>")  # . is no line break: a sentence of two lines is none
_TAG = re.compile(r"<[^<>\s][^<>]*>")
NOTHING = Translation("", ended=False)


def to_translate(text: str, source: str, target: str, *, marked: bool) -> str:
    """The request for one translation. The text comes last, after a blank line, so that it is not read as part of it."""
    return (
        f"Translate the sentence below from {_language(source)} into {_language(target)}. Keep names, numbers and addresses. "
        f"{_KEEP if marked else ''}Write the translation on one line, between <out> and </out>.\n\n{text}"
    )


def to_reword(text: str, lang: str, count: int, *, marked: bool) -> str:
    """The request for ``count`` ways to say the same."""
    return (
        f"Write {count} different sentences in {_language(lang)} that state exactly what the sentence below states, in other "
        f"words. Keep names, numbers and addresses as they are. {_KEEP if marked else ''}Write each on a line of its own, "
        f"between <out> and </out>.\n\n{text}"
    )


def read_translation(answer: str, text: str, *, marked: bool) -> Translation:
    """The one sentence in an answer, or `NOTHING`.

    Nothing comes from an answer with words outside the tags, with several sentences in tags, with tags that ``text`` does not
    hold, or, where it is marked, without exactly one pair around something.
    """
    found = _sentences(answer)
    sentence = _clean(found[0], text, marked=marked) if len(found) == 1 else None
    return NOTHING if sentence is None else Translation(sentence)


def read_rewordings(answer: str, text: str, count: int, *, marked: bool) -> tuple[Translation, ...]:
    """The clean sentences of an answer, each once and none that ``text`` is; none at all from more than ``count``."""
    found = _sentences(answer)
    clean = dict.fromkeys(_clean(sentence, text, marked=marked) for sentence in found) if len(found) <= count else {}
    return tuple(Translation(one) for one in clean if one is not None and one.casefold() != text.casefold())


def one_pair(text: str) -> str | None:
    """A text with exactly one marked part that is not empty, blanks moved out of it; None for any other."""
    if text.count(OPEN) != 1 or text.count(CLOSE) != 1 or text.index(CLOSE) < text.index(OPEN):
        return None
    before, rest = text.split(OPEN)
    inner, after = rest.split(CLOSE)
    kept = inner.strip()
    if not kept:
        return None
    left, right = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
    return f"{before}{left}{OPEN}{kept}{CLOSE}{right}{after}"


def _language(tag: str) -> str:
    return f"{display_name(tag)} ({tag})"


def _sentences(answer: str) -> list[str]:
    """What stands in tags, after any thinking; nothing if anything else stands outside them."""
    said = _THOUGHT.sub("", answer)
    if _OUT.sub("", said).strip():
        return []
    return [sentence.strip() for sentence in _OUT.findall(said)]


def _clean(sentence: str, text: str, *, marked: bool) -> str | None:
    paired = one_pair(sentence) if marked else sentence
    if not paired or not {*_TAG.findall(paired)} <= {*_TAG.findall(text), *((OPEN, CLOSE) if marked else ())}:
        return None
    return paired
