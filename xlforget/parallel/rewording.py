"""Other wordings of free-text facts: the machine's own, or round trips through other languages, checked like translations.

They are never trained on. The gate measures them apart, to see whether a fact was forgotten or only its sentence.
"""

from collections.abc import Sequence

from xlforget.parallel import checks, spans
from xlforget.parallel.pair import Pair, Source, Wording, worst
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.parallel.translators.machine import BACK_FAIL, Machine, likeness


def with_other_wordings(parallel: ParallelSet, machine: Machine, count: int) -> ParallelSet:
    """The set with up to ``count`` further wordings of every usable pair that has one, in the role "gate"."""
    reworded: dict[tuple[str, str], Pair] = {}
    for lang in parallel.languages:
        pairs = [pair for pair in parallel.usable() if pair.lang == lang and len(pair.wordings) == 1]
        for pair, others in zip(pairs, _others(pairs, lang, parallel.languages, machine, count), strict=True):
            reworded[pair.fact, lang] = pair.model_copy(update={"wordings": (*pair.wordings, *others)})
    return parallel.model_copy(update={"pairs": tuple(reworded.get((p.fact, p.lang), p) for p in parallel.pairs)})


def _others(pairs: Sequence[Pair], lang: str, langs: Sequence[str], machine: Machine, count: int) -> list[list[Wording]]:
    """Further wordings of each pair, no two alike: what the machine says otherwise itself, then one pivot after another."""
    found: list[list[Wording]] = [[] for _ in pairs]

    def add(number: int, text: str) -> None:
        wording = _checked(pairs[number].wordings[0], text, lang, langs)
        known = {own.text.casefold() for own in (*pairs[number].wordings, *found[number])}
        if wording and len(found[number]) < count and wording.text.casefold() not in known:
            found[number].append(wording)

    for number, texts in enumerate(machine.reworded([pair.wordings[0].text for pair in pairs], lang, count)):
        for text in texts:
            add(number, text)
    for pivot in machine.pivots(lang, langs):
        waiting = [k for k, own in enumerate(found) if len(own) < count]
        if waiting:
            trips = machine.round_trip([pairs[k].wordings[0].text for k in waiting], lang, pivot)
            for number, text in zip(waiting, trips, strict=True):
                add(number, text)
    return found


def _checked(first: Wording, text: str, lang: str, langs: Sequence[str]) -> Wording | None:
    """The round trip as a wording; None where a check has any doubt, for nobody reviews these.

    The answer must stand in it once as it stood before: another answer would measure another fact.
    """
    answer = first.answer if first.span else None
    source = Source(text=first.text, span=first.span, lang=lang)
    found = checks.check(source, text, answer, lang, others=tuple(langs))
    if worst(found) != "ok" or likeness(text, first.text) < BACK_FAIL:
        return None
    if answer is None:
        return Wording(text=text, role="gate")
    start, end = spans.occurrences(text, answer)[0]
    return Wording(text=text, span=(start, end), role="gate") if text[start:end] == answer else None
