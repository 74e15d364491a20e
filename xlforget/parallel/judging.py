"""From a text in another language to a draft: its checks, the status that follows, and the reason in words."""

from collections.abc import Sequence

from xlforget.parallel import checks
from xlforget.parallel.pair import ORDER, Check, Source, Status, Wording, worst
from xlforget.parallel.spans import Placed
from xlforget.parallel.translators.base import Draft

# What a check that did not hold says to a person. No text of a fact.
WORDS = {
    "empty": "nothing came back",
    "copy": "a copy of the source",
    "script": "not in the language's script",
    "length": "much longer or shorter than usual",
    "ending": "no full stop at the end",
    "loop": "it repeats itself",
    "markup": "markup was left in it",
    "ended": "it was cut off",
    "unknown_word": "a word was not translated",
    "capitals": "capitals that the source does not have",
    "numbers": "other numbers than the source",
    "answer_once": "the answer does not stand in it exactly once",
    "answer_digits": "other digits in the answer",
    "answer_sound": "the answer does not sound like the source's",
    "language": "it may be in another language",
    "back": "translated back, it says something else",
    "answer": "it may be another answer",
    "answer_back": "translated back, the answer is another",
}


def judge(
    source: Source,
    text: str,
    placed: Placed,
    lang: str,
    others: Sequence[str],
    *,
    worst_allowed: Status = "fail",
    more: Sequence[Check] = (),
    ended: bool = True,
    unknown: bool = False,
    back: str = "",
) -> Draft:
    """The draft of ``text`` as a translation of ``source``. ``more``: what else was checked; the others as in `checks.check`.

    A text in which the answer has no place is for a person to look at, at best.
    """
    answer = text[slice(*placed.span)] if placed.span else None
    found = checks.check(source, text, answer, lang, others=others, ended=ended, unknown=unknown)
    if placed.outcome != "ok":
        found = (*found, Check(name="span", outcome=placed.outcome))
    found = _together((*found, *more))
    nowhere = placed.span is None and placed.outcome == "review"
    return Draft(
        wordings=() if nowhere else (Wording(text=text, span=placed.span, role="all"),),
        status=min(worst(found), worst_allowed, key=ORDER.index),
        reason="; ".join(filter(None, (placed.reason, reason(found)))),
        source=source,
        back=back,
        unplaced=text if nowhere else "",
        votes=placed.votes,
        checks=found,
    )


def _together(found: tuple[Check, ...]) -> tuple[Check, ...]:
    """Names are translated and round trips lose words, so neither alone says much of an answer; both at once do."""
    doubts = {check.name for check in found if check.outcome != "ok"}
    return (*found, Check(name="answer", outcome="review")) if {"answer_sound", "answer_back"} <= doubts else found


def reason(found: Sequence[Check]) -> str:
    """The worst checks that did not hold, in words."""
    bad = [check for check in found if check.outcome != "ok" and check.name in WORDS]
    return "; ".join(WORDS[check.name] for check in sorted(bad, key=lambda check: -ORDER.index(check.outcome)))
