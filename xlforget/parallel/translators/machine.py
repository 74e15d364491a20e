"""A machine as a translator: full sentences for training, the answer's place by vote, and all of it translated back."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache as remember

from xlforget.parallel import cache, spans
from xlforget.parallel.cache import Cache
from xlforget.parallel.judging import judge
from xlforget.parallel.pair import Check, Source, Status, TranslatorInfo
from xlforget.parallel.spans import ALONE, MARKED, VERBATIM, Placed
from xlforget.parallel.translators.base import Draft, Missing, source_of
from xlforget.parallel.translators.engine import CLOSE, OPEN, Engine, Rewords, Translation
from xlforget.parallel.translators.refused import leaving_out
from xlforget.request.clean import clean
from xlforget.request.fact import Fact

BATCH = 64  # facts; what is done is kept after each
# chrF of a sentence that came back, against the source; see the module's tests and `xlforget bench translate`.
BACK_FAIL, BACK_WARN = 40.0, 55.0
Tick = Callable[[int], None]


@dataclass(frozen=True)
class Heard:
    """What the machine said about one source in one language; None where it was not asked."""

    full: Translation
    marked: Translation | None
    alone: Translation | None


@dataclass(frozen=True)
class Back:
    """A translation in the source's language again, and how it compares."""

    text: str = field(default="", repr=False)
    checks: tuple[Check, ...] = ()


class Machine:
    """Records with a text (forms 1, 2, 3, 5 and 6), through one engine. ``tick`` is told how many facts are done."""

    def __init__(self, engine: Engine, known: Cache | None = None, tick: Tick = lambda facts: None) -> None:
        self.engine = engine
        self.name = engine.name
        self._known = known or Cache()
        self._tick = tick

    def info(self) -> TranslatorInfo:
        """As the engine says."""
        return self.engine.info()

    def lacks(self, facts: Sequence[Fact], languages: Sequence[str]) -> tuple[str, ...]:
        """Languages that the engine cannot reach from the language of any of these facts."""
        sources = {source.lang for fact in facts if (source := source_of(fact))}
        lacking = {lang for source in sources for lang in self.engine.lacks(source, [t for t in languages if t != source])}
        return tuple(lang for lang in languages if lang in lacking)

    def word(self, facts: Sequence[Fact], lang: str, others: Sequence[str]) -> list[Draft | Missing]:
        """Drafts in the order of the facts; each language that facts are given in is one batch or more."""
        sources = [source_of(fact) for fact in facts]
        made: dict[int, Draft | Missing] = {}
        for from_lang, numbers in _by_language(sources).items():
            if self.engine.lacks(from_lang, [lang]):
                made |= dict.fromkeys(numbers, Missing(f"{self.name} does not translate into this language"))
                continue
            for start in range(0, len(numbers), BATCH):
                batch = numbers[start : start + BATCH]
                drafts = self.translate([source for number in batch if (source := sources[number])], lang, others)
                made |= dict(zip(batch, drafts, strict=True))
                self._tick(len(batch))
        return [made.get(number, Missing()) for number in range(len(facts))]

    def translate(self, sources: Sequence[Source], lang: str, others: Sequence[str]) -> list[Draft]:
        """Drafts of sources that are all in one language."""
        from_lang = sources[0].lang
        heard = self._heard(sources, from_lang, lang)
        texts = [clean(one.full.text).strip() for one in heard]
        placed = [_place(source, text, lang, one) for source, text, one in zip(sources, texts, heard, strict=True)]
        backs = self.checked_back(sources, texts, placed, lang)
        return [
            judge(
                source, text, place, lang, others,
                more=back.checks, ended=one.full.ended, unknown=one.full.unknown, back=back.text,
            )
            for source, text, place, one, back in zip(sources, texts, placed, heard, backs, strict=True)
        ]  # fmt: skip

    def checked_back(self, sources: Sequence[Source], texts: Sequence[str], placed: Sequence[Placed], lang: str) -> list[Back]:
        """What anybody's translations say when they are translated back; nothing where the engine cannot."""
        backs = self._back(texts, placed, sources[0].lang, lang) if sources else []
        return [
            Back(sentence, tuple(_compared(s, (sentence, answer)))) for s, (sentence, answer) in zip(sources, backs, strict=True)
        ]

    def pivots(self, lang: str, languages: Sequence[str]) -> list[str]:
        """Those of ``languages`` that the engine goes to from ``lang`` and comes back from."""
        others = [other for other in languages if other != lang]
        away = [other for other in others if other not in self.engine.lacks(lang, others)]
        return [other for other in away if not self.engine.lacks(other, [lang])]

    def round_trip(self, texts: Sequence[str], lang: str, pivot: str) -> list[str]:
        """Each text in ``lang`` again after a way through ``pivot``; "" where the machine was cut off or knew a word not."""
        away = [one and one.text for one in self._ask(texts, lang, pivot)]
        back = self._ask([text or None for text in away], pivot, lang)
        return [clean(one.text).strip() if one and one.ended and not one.unknown else "" for one in back]

    def reworded(self, texts: Sequence[str], lang: str, count: int) -> list[list[str]]:
        """Other ways to say each text in its own language; none from an engine that only translates."""
        if not isinstance(self.engine, Rewords):
            return [[] for _ in texts]
        return [[clean(one.text).strip() for one in own if one.ended] for own in self.engine.reword(texts, lang, count)]

    def _heard(self, sources: Sequence[Source], from_lang: str, lang: str) -> list[Heard]:
        full = self._ask([source.text for source in sources], from_lang, lang)
        marked = self._ask([spans.marked(source, OPEN, CLOSE) for source in sources], from_lang, lang, marked=True)
        alone = self._ask([source.answer if source.span else None for source in sources], from_lang, lang)
        return [Heard(f, m, a) for f, m, a in zip(full, marked, alone, strict=True) if f is not None]

    def _back(self, texts: Sequence[str], placed: Sequence[Placed], from_lang: str, lang: str) -> list[tuple[str, str]]:
        """Each sentence and each answer in the source's language again; "" where that cannot be had."""
        if self.engine.lacks(lang, [from_lang]):
            return [("", "")] * len(texts)
        answers = [text[slice(*place.span)] if place.span else None for text, place in zip(texts, placed, strict=True)]
        sentences = self._ask([text or None for text in texts], lang, from_lang)
        alone = self._ask(answers, lang, from_lang)
        return [(s.text if s else "", a.text if a else "") for s, a in zip(sentences, alone, strict=True)]

    def _ask(self, texts: Sequence[str | None], source: str, target: str, *, marked: bool = False) -> list[Translation | None]:
        """What the engine makes of each text, each asked once; None for None."""
        info = self.info()
        keys = {text: cache.key(info, text, source, target, marked=marked) for text in texts if text is not None}
        new = [text for text, key in keys.items() if self._known.get(key) is None]
        if new:
            said = leaving_out(self.engine, new, source, target, marked=marked)
            self._known.put((keys[text], one) for text, one in zip(new, said, strict=True))
        return [None if text is None else self._known.get(keys[text]) for text in texts]


def _by_language(sources: Sequence[Source | None]) -> dict[str, list[int]]:
    numbers = defaultdict(list)
    for number, source in enumerate(sources):
        if source is not None:
            numbers[source.lang].append(number)
    return numbers


def _place(source: Source, text: str, lang: str, heard: Heard) -> Placed:
    if source.span is None:
        return Placed(None)
    votes = {
        MARKED: spans.between(heard.marked.text, OPEN, CLOSE) if heard.marked else "",
        ALONE: heard.alone.text if heard.alone else "",
        VERBATIM: source.answer if spans.occurrences(text, source.answer) else "",
    }
    if spans.without_article(source.answer, source.lang) == source.answer:
        votes = {way: spans.without_article(said, lang) for way, said in votes.items()}
    return spans.place(text, votes)


def _compared(source: Source, back: tuple[str, str]) -> Iterator[Check]:
    """What came back, against the source. A wrong answer alone hardly moves a sentence's chrF, so it is asked for alone."""
    sentence, answer = back
    if sentence:
        score = likeness(sentence, source.text)
        outcome: Status = "fail" if score < BACK_FAIL else "warn" if score < BACK_WARN else "ok"
        yield Check(name="back", outcome=outcome, value=round(score, 1))
    if answer and source.span is not None:
        one, other = (spans.without_article(said, source.lang).casefold() for said in (answer, source.answer))
        same = one == other
        yield Check(name="answer_back", outcome="ok" if same else "warn")


def likeness(text: str, other: str) -> float:
    """chrF of a sentence against another, 0 to 100."""
    return float(_chrf().sentence_score(text, [other]).score)


@remember
def _chrf():  # type: ignore[no-untyped-def]
    from sacrebleu.metrics.chrf import CHRF  # here: it is slow to import

    return CHRF()
