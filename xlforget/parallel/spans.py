"""Where the answer stands in a translation: a vote of independent ways to say so, and never a guess.

The sentence that is trained on is translated whole and unmarked, for marks change what a machine writes. Each way of
finding the answer only says what it should look like; a place counts where two ways agree and it stands there once.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from xlforget.parallel.pair import Status
from xlforget.parallel.scripts import joined
from xlforget.parallel.sound import sound
from xlforget.request.clean import clean
from xlforget.request.fact import Statement

Span = tuple[int, int]
# What a machine puts before a name that stands alone, and that is no part of it.
ARTICLES = {
    "en": ("the ",), "es": ("el ", "la ", "los ", "las "), "ca": ("el ", "la ", "els ", "les ", "l'", "l’"),
    "gl": ("o ", "a ", "os ", "as "), "pt": ("o ", "a ", "os ", "as "), "fr": ("le ", "la ", "les ", "l'", "l’"),
    "it": ("il ", "lo ", "la ", "i ", "gli ", "le ", "l'", "l’"), "de": ("der ", "die ", "das ", "dem ", "den "),
    "oc": ("lo ", "la ", "los ", "las ", "l'", "l’"), "eo": ("la ",), "nl": ("de ", "het "),
}  # fmt: skip
# Ways to find an answer, in the order of trust.
MARKED, ALONE, VERBATIM, SOUND = "marked", "alone", "verbatim", "sound"
CLEARLY_ALIKE = 0.75
_EDGE = " \t\n.,;:!?\"'«»“”‘’()[]¿¡。，！？、।؟۔"
_NO_WORD = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Placed:
    """The answer's place; None where nobody may rely on one. ``votes``: what each way said, repr shows none of it."""

    span: Span | None = field(repr=False)
    votes: dict[str, str] = field(default_factory=dict, repr=False)
    outcome: Status = "ok"
    reason: str = ""


def occurrences(text: str, answer: str) -> list[Span]:
    """Every place of the answer; places may overlap.

    Places where it stands as words of its own count before those inside a word (with a suffix, say), and the answer as it
    is written before other capitals.
    """
    everywhere = _places(text, answer) or _places(_lower(text), _lower(answer))
    own = [span for span in everywhere if not inside_word(text, span)]
    return own or [span for span in _places(_lower(text), _lower(answer)) if not inside_word(text, span)] or everywhere


def inside_word(text: str, span: Span) -> bool:
    """Whether a letter stands right before or after, in a script that spaces its words."""
    start, end = span
    return (start > 0 and joined(text[start - 1], text[start])) or (end < len(text) and joined(text[end - 1], text[end]))


def place(text: str, votes: Mapping[str, str]) -> Placed:
    """The span that two votes agree on, where it stands exactly once. A number or address needs no second vote."""
    votes = {way: trimmed for way, said in votes.items() if (trimmed := trim(said))}
    if not votes:
        return Placed(None, votes, "review", "no way to find the answer")
    count = Counter(said.casefold() for said in votes.values())
    said, agreed = max(count.items(), key=lambda item: (item[1], -_first(item[0], votes)))
    if agreed < 2 and not _no_word(said, votes):
        return Placed(None, votes, "review", "the answer's place is not agreed on")
    found = occurrences(text, next(vote for vote in votes.values() if vote.casefold() == said))
    if len(found) != 1:
        return Placed(None, votes, "review", "the answer stands more than once" if found else "the answer is not there")
    if inside_word(text, found[0]):
        return Placed(found[0], votes, "review", "the answer stands inside a longer word")
    if any(vote.casefold() != said for way, vote in votes.items() if way != SOUND):
        return Placed(found[0], votes, "warn", "one way of finding the answer disagrees")
    return Placed(found[0], votes)


def trim(said: str) -> str:
    """A vote without the blanks and signs around it."""
    return clean(said).strip(_EDGE)


def sounding(text: str, answer: str) -> str:
    """The words of a text that sound like the answer, and more so than any others; "" where none do."""
    words = [(match.start(), match.end()) for match in re.finditer(r"\S+", text)]
    sizes = range(1, len(answer.split()) + 2)
    runs = [
        trim(text[start : words[k + size - 1][1]]) for size in sizes for k, (start, _) in enumerate(words[: 1 - size or None])
    ]
    likeness, _, best = max(((sound(answer, run), -len(run), run) for run in runs if run), default=(0.0, 0, ""))
    return best if likeness >= CLEARLY_ALIKE else ""


def without_article(said: str, lang: str) -> str:
    """A vote without the article before it; for answers that have none in the source."""
    said = trim(said)
    for article in ARTICLES.get(lang.partition("-")[0], ()):
        if said.casefold().startswith(article) and len(said) > len(article):
            return said[len(article) :]
    return said


def marked(statement: Statement, opening: str, closing: str) -> str | None:
    """The text with marks around its answer; None where it has none, or holds such marks of its own."""
    if statement.span is None or opening in statement.text or closing in statement.text:
        return None
    start, end = statement.span
    return f"{statement.text[:start]}{opening}{statement.text[start:end]}{closing}{statement.text[end:]}"


def between(text: str, opening: str, closing: str) -> str:
    """What stands between the one pair of marks; "" where there is not exactly one."""
    if text.count(opening) != 1 or text.count(closing) != 1:
        return ""
    return text.partition(opening)[2].partition(closing)[0]


def _first(said: str, votes: Mapping[str, str]) -> int:
    return next(number for number, vote in enumerate(votes.values()) if vote.casefold() == said)


def _no_word(said: str, votes: Mapping[str, str]) -> bool:
    """Digits and signs only, kept as they were: nothing that another language would word otherwise."""
    return votes.get(VERBATIM, "").casefold() == said and (not _NO_WORD.search(said) or "@" in said)


def _lower(text: str) -> str:
    """Lower case letter by letter, so that places stay the same."""
    return "".join(low if len(low := sign.lower()) == 1 else sign for sign in text)


def _places(text: str, answer: str) -> list[Span]:
    found, start = [], text.find(answer) if answer else -1
    while start >= 0:
        found.append((start, start + len(answer)))
        start = text.find(answer, start + 1)
    return found
