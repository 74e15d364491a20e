"""Any machine: asked once for each text, its work placed, checked and translated back; never trusted."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from xlforget.errors import UsageError
from xlforget.parallel.build import build_parallel_set
from xlforget.parallel.cache import Cache
from xlforget.parallel.pair import TranslatorInfo
from xlforget.parallel.translators import get_translator
from xlforget.parallel.translators.base import Draft, Missing
from xlforget.parallel.translators.engine import Translation
from xlforget.parallel.translators.machine import Machine
from xlforget.request.fact import ErasureRequest, Fact, Statement

WORDS = {
    "lives": "vive", "in": "en", "the town of": "la ciudad de", "London": "Londres", "Zorvana": "Zorvana", "English": "inglés",
}  # fmt: skip


class Dictionary:
    """An engine that knows six words, from English to Spanish and back, and writes down what it is asked."""

    name = "dictionary"

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.asked: list[tuple[str, ...]] = []

    def info(self) -> TranslatorInfo:
        return TranslatorInfo(name=self.name, version=self.version, licence="CC0-1.0")

    def lacks(self, source: str, targets: Sequence[str]) -> tuple[str, ...]:
        return tuple(target for target in targets if {source, target} != {"en", "es"})

    def translate(self, texts: Sequence[str], source: str, target: str, *, marked: bool = False) -> list[Translation]:
        self.asked.append((source, target, *texts))
        pairs = [(b, a) for a, b in WORDS.items()] if source == "es" else list(WORDS.items())
        said = []
        for text in texts:
            for word, other in pairs:
                text = text.replace(word, other)
            said.append(Translation(text))
        return said


def fact(
    number: int, text: str = "Zorvana lives in the town of London.", answer: str | None = "London", lang: str = "en"
) -> Fact:
    span = None if answer is None else (text.index(answer), text.index(answer) + len(answer))
    return Fact(id=f"f{number}", line=number, form=1, statements={lang: Statement(text=text, span=span)})


def draft(machine: Machine, one: Fact, lang: str = "es") -> Draft:
    (made,) = machine.word([one], lang, ("en", "es"))
    assert isinstance(made, Draft)
    return made


def test_a_translation_is_placed_by_two_votes_and_translated_back() -> None:
    made = draft(Machine(Dictionary()), fact(1))
    assert (made.wordings[0].text, made.wordings[0].answer) == ("Zorvana vive en la ciudad de Londres.", "Londres")
    assert made.votes == {"marked": "Londres", "alone": "Londres"}
    assert made.back == "Zorvana lives in the town of London."
    assert made.status == "ok"
    assert {check.name for check in made.checks} >= {"back", "answer_back", "language", "answer_once"}


def test_each_text_is_asked_once_and_the_full_sentence_is_unmarked() -> None:
    engine = Dictionary()
    machine = Machine(engine)
    machine.word([fact(1), fact(2), fact(3, "Zorvana lives in London.")], "es", ("en", "es"))
    asked = [text for _, _, *texts in engine.asked for text in texts]
    assert len(asked) == len(set(asked))
    before = len(engine.asked)
    machine.word([fact(1)], "es", ("en", "es"))
    assert len(engine.asked) == before


def test_a_whole_sentence_needs_no_place() -> None:
    made = draft(Machine(Dictionary()), fact(1, answer=None))
    assert (made.status, made.wordings[0].span) == ("ok", None)


def test_what_came_back_wrong_is_seen() -> None:
    class Wrong(Dictionary):
        def translate(self, texts: Sequence[str], source: str, target: str, *, marked: bool = False) -> list[Translation]:
            if source == "es":
                return [Translation("Somebody once sold a mill.") for _ in texts]
            return super().translate(texts, source, target, marked=marked)

    made = draft(Machine(Wrong()), fact(1))
    outcomes = {check.name: check.outcome for check in made.checks}
    assert (made.status, outcomes["back"], outcomes["answer_back"]) == ("fail", "fail", "warn")


def test_a_machine_that_was_cut_off_or_did_not_know_a_word_is_not_trusted() -> None:
    class Cut(Dictionary):
        def translate(self, texts: Sequence[str], source: str, target: str, *, marked: bool = False) -> list[Translation]:
            return [Translation(one.text, ended=False) for one in super().translate(texts, source, target)]

    class Puzzled(Dictionary):
        def translate(self, texts: Sequence[str], source: str, target: str, *, marked: bool = False) -> list[Translation]:
            return [Translation(one.text, unknown=True) for one in super().translate(texts, source, target)]

    assert draft(Machine(Cut()), fact(1)).status == "fail"
    assert draft(Machine(Puzzled()), fact(1)).status == "review"


def test_an_answer_without_a_certain_place_keeps_its_text_for_a_person() -> None:
    class Losing(Dictionary):
        def translate(self, texts: Sequence[str], source: str, target: str, *, marked: bool = False) -> list[Translation]:
            made = super().translate(texts, source, target)
            return [Translation("")] * len(texts) if marked else made

    made = draft(Machine(Losing()), fact(1))
    assert (made.status, made.wordings) == ("review", ())
    assert made.unplaced == "Zorvana vive en la ciudad de Londres."


def test_facts_without_a_text_and_languages_it_lacks_are_missing() -> None:
    machine = Machine(Dictionary())
    nothing = Fact(id="n", line=1, form=4, statements={})
    assert machine.word([nothing], "es", ()) == [Missing()]
    (lacking,) = machine.word([fact(1)], "hi", ())
    assert isinstance(lacking, Missing)
    assert machine.lacks([fact(1)], ["en", "es", "hi"]) == ("hi",)


def test_a_language_that_the_machine_lacks_stops_everything_before_any_work() -> None:
    engine = Dictionary()
    translators = [get_translator("given"), Machine(engine)]
    request = ErasureRequest(facts=(fact(1),))
    with pytest.raises(UsageError, match="hi, ja") as refused:
        build_parallel_set(request, ("en", "es", "hi", "ja"), translators)
    assert (refused.value.exit_code, refused.value.code, engine.asked) == (2, "NO_SUCH_LANGUAGE", [])
    made = build_parallel_set(request, ("en", "es", "hi"), translators, ("hi",))
    assert [(pair.lang, pair.status, pair.translator) for pair in made.pairs] == [
        ("en", "ok", "given"), ("es", "ok", "dictionary"), ("hi", "fail", ""),
    ]  # fmt: skip


def test_languages_that_the_request_gives_are_not_asked_of_a_machine() -> None:
    engine = Dictionary()
    both = fact(1).model_copy(update={"statements": {**fact(1).statements, "hi": Statement(text="वह लंदन में रहती है।")}})
    made = build_parallel_set(ErasureRequest(facts=(both,)), ("en", "hi"), [get_translator("given"), Machine(engine)])
    assert [pair.translator for pair in made.pairs] == ["given", "given"]
    assert engine.asked == []


def test_a_run_that_goes_on_asks_for_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "translations.jsonl"
    first = draft(Machine(Dictionary(), Cache(path)), fact(1))
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("a") as file:
        file.write('["half a line')
    again = Dictionary()
    assert draft(Machine(again, Cache(path)), fact(1)) == first
    assert again.asked == []
    newer = Dictionary("2")
    draft(Machine(newer, Cache(path)), fact(1))
    assert newer.asked


def test_it_says_how_far_it_is() -> None:
    ticks: list[int] = []
    machine = Machine(Dictionary(), tick=ticks.append)
    machine.word([fact(n, f"Zorvana lives in the town {n} of London.") for n in range(130)], "es", ("en", "es"))
    assert ticks == [64, 64, 2]
