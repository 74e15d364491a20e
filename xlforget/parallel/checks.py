"""What can be seen of a translation without another model: layer 0 (letters and lengths) and layer 1 (language, sound).

Each check has a name, an outcome and, where there is one, a figure. ``fail``: this is not a translation of that fact.
``review``: it may be one, and a person has to look. ``warn``: it is used, and the figure is kept.
"""

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Collection, Iterator

from xlforget.parallel import langid, scripts, spans
from xlforget.parallel.pair import Check, Source, Status
from xlforget.parallel.sound import sound

# Length in letters against English, first and last percentile of parallel text (FLORES-200 and BMLAMA-53).
LENGTHS = {
    "en": (1.0, 1.0), "ar": (0.57, 1.26), "bn": (0.52, 0.95), "ca": (0.83, 2.0), "es": (0.8, 1.69), "fr": (0.85, 1.6),
    "hi": (0.46, 0.95), "pt": (0.73, 1.55), "te": (0.41, 0.94), "ur": (0.67, 1.39), "vi": (0.67, 1.41), "zh": (0.23, 0.76),
}  # fmt: skip
UNKNOWN_LENGTH = (0.25, 3.0)
SLACK = 1.3
SHORT = 20  # characters; below, a length says little
IN_SCRIPT = 0.5
LOOP_RATIO = 0.35  # a text that packs better than this repeats itself
LOOP_LETTERS = 100
SOUNDS_ALIKE = 0.5
SURE = 4.0  # odds at which a language is taken for another

_MARKUP = re.compile(
    r"</?[A-Za-z][^<>]*>|<mask>|&(?:lt|gt|amp|quot|#\d+);|\[/?[a-z]\]|(?:^|\s)[*@#](?=\w)|[\u202a-\u202e\u2066-\u2069\u200e\u200f]"
)
_LOOP = re.compile(r"(?<!\S)(\S+(?:\s+\S+){0,5}?)(?:\s+\1(?!\S)){2,}|(\S{2,}?)\2{3,}")
_RUN = re.compile(r"\d+")
_ENDS = tuple(".!?…。．！？।॥؟۔։။៕\"'»”)")
_CAPITAL_NOUNS = ("de", "lb")
_WITHOUT_STOPS = ("th", "lo")
_WORD = re.compile(r"[^\s.,;:!?\"«»()।۔、。]+")


def check(
    source: Source,
    text: str,
    answer: str | None,
    lang: str,
    *,
    others: Collection[str] = (),
    ended: bool = True,
    unknown: bool = False,
) -> tuple[Check, ...]:
    """All checks of ``text`` as a translation of ``source`` into ``lang``, whose answer is ``answer`` (None: all of it).

    ``others``: further languages that the text might be in by mistake. ``ended``, ``unknown``: what its machine said.
    """
    if not text.strip():
        return (Check(name="empty", outcome="fail"),)
    found = [
        _copy(source, text, lang), _script(source, text, lang), _length(source, text, lang), _ending(source, text, lang),
        _flag("loop", _loops(text) and not _loops(source.text), "fail"),
        _flag("markup", bool(set(_MARKUP.findall(text)) - set(_MARKUP.findall(source.text))), "fail"),
        _flag("ended", not ended, "fail"), _flag("unknown_word", unknown, "review"), _numbers(source.text, text),
        _flag("capitals", _more_capitals(source, text, lang), "warn"),
        *(_answer(source, text, answer) if answer is not None and source.span is not None else ()),
    ]  # fmt: skip
    in_script = all(one.outcome != "fail" for one in found[:2])
    return (*found, *([_language(source, text, lang, tuple(others))] if in_script else ()))


def _flag(name: str, bad: bool, outcome: Status) -> Check:
    return Check(name=name, outcome=outcome if bad else "ok")


def _copy(source: Source, text: str, lang: str) -> Check:
    same = source.text.casefold() == text.casefold() and not _same_language(source.lang, lang)
    return _flag("copy", same, "fail")


def _script(source: Source, text: str, lang: str) -> Check:
    """Words that stand in the source as well (names, units) say nothing where the scripts differ."""
    if scripts.script(source.lang) != scripts.script(lang):
        kept = set(_WORD.findall(source.text))
        text = " ".join(word for word in _WORD.findall(text) if word not in kept)
        if not text:
            return Check(name="script", outcome="fail", value=0.0)
    share = scripts.share(text, lang)
    return Check(name="script", outcome="fail" if share is not None and share < IN_SCRIPT else "ok", value=_round(share))


def _length(source: Source, text: str, lang: str) -> Check:
    ratio = _letters(text) / max(1, _letters(source.text))
    (low, high), (least, most) = _window(lang), _window(source.lang)
    outside = not low / most / SLACK <= ratio <= high / least * SLACK
    short = min(len(text), len(source.text)) < SHORT
    return Check(name="length", outcome=("warn" if short else "review") if outside else "ok", value=_round(ratio))


def _window(lang: str) -> tuple[float, float]:
    return LENGTHS.get(lang.partition("-")[0], UNKNOWN_LENGTH)


def _letters(text: str) -> int:
    return sum(unicodedata.category(sign)[0] not in "MZC" for sign in text)


def _ending(source: Source, text: str, lang: str) -> Check:
    """A sentence that lost its full stop was mostly cut off."""
    lost = source.text.rstrip().endswith(_ENDS) and not text.rstrip().endswith(_ENDS) and lang not in _WITHOUT_STOPS
    return _flag("ending", lost, "review")


def _loops(text: str) -> bool:
    packed = len(zlib.compress(text.encode(), 9)) / len(text.encode())
    return bool(_LOOP.search(" ".join(_WORD.findall(text)))) or (len(text) >= LOOP_LETTERS and packed < LOOP_RATIO)


def digits(text: str) -> str:
    """The digits of a text in a row, in ASCII: "+٤٩ ٣٠" is "4930"."""
    return "".join(str(unicodedata.decimal(sign)) for sign in text if sign.isdecimal())


def _more_capitals(source: Source, text: str, lang: str) -> bool:
    """Capitals within a sentence that begins with the same name: a verb was taken for a part of it."""
    if lang.partition("-")[0] in _CAPITAL_NOUNS or source.text.split()[:1] != text.split()[:1]:
        return False
    return sum(word[:1].isupper() for word in text.split()) > sum(word[:1].isupper() for word in source.text.split())


def _numbers(source: str, text: str) -> Check:
    """Of whole sentences: numbers may be written in words, so this only warns."""
    return _flag("numbers", sorted(digits(source)) != sorted(digits(text)), "warn")


def _digits(source: str, answer: str) -> Status:
    """A number stays the same. A date's month or an ordinal may be a word in one language and a number in another."""
    if digits(source) == digits(answer):
        return "ok"
    if not any(sign.isalpha() for sign in source):
        return "fail"
    runs = Counter(_RUN.findall(answer))
    return "warn" if Counter(_RUN.findall(source)) <= runs and runs else "review"


def _answer(source: Source, text: str, answer: str) -> Iterator[Check]:
    found = spans.occurrences(text, answer)
    lost = len(found) < len(spans.occurrences(source.text, source.answer))
    doubtful = len(found) > 1 or lost or (len(found) == 1 and spans.inside_word(text, found[0]))
    yield Check(name="answer_once", outcome="fail" if not found else "review" if doubtful else "ok", value=len(found))
    yield Check(name="answer_digits", outcome=_digits(source.answer, answer))
    likeness = sound(source.answer, answer)
    yield Check(name="answer_sound", outcome="ok" if likeness >= SOUNDS_ALIKE else "warn", value=_round(likeness))


def _language(source: Source, text: str, lang: str, others: tuple[str, ...]) -> Check:
    own = langid.label(lang)
    labels = langid.closed_set(source.lang, lang, others)
    if own is None or len(labels) < 2 or _same_language(source.lang, lang):
        return Check(name="language", outcome="ok")
    kept = set(_WORD.findall(source.text))
    own_words = " ".join(word for word in _WORD.findall(text) if word not in kept)
    # Names pull a short sentence into their own language, or hold it in its: one reading with them and one without.
    readings = [langid.posterior(said, labels) for said in dict.fromkeys((text, own_words)) if said]
    chances = max(readings, key=lambda reading: reading[own] / max(reading.values()))
    best = max(chances, key=lambda name: chances[name])
    stayed = best == langid.label(source.lang) and chances[best] > SURE * chances[own]
    outcome: Status = "ok" if best == own else "fail" if stayed else "review"
    return Check(name="language", outcome=outcome, value=_round(chances[own]))


def _same_language(one: str, other: str) -> bool:
    return one.partition("-")[0] == other.partition("-")[0]


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
