"""The experiment on translations: what machine translation yields, how precise it is, and what the checks notice.

With the data of arXiv 2406.12354 (``--data``) in twelve languages, without it on invented people of the phrasebook.
"""

import json
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from xlforget.errors import UsageError
from xlforget.experiments import results, translation_tables
from xlforget.experiments.corruptions import KINDS, SOURCE, Gold, notice, untouched
from xlforget.experiments.main import Bench
from xlforget.experiments.translation_tables import FACTS, LANGUAGES
from xlforget.parallel.checks import check
from xlforget.parallel.judging import judge
from xlforget.parallel.pair import ORDER
from xlforget.parallel.spans import Placed
from xlforget.parallel.translators import EngineOptions, open_engine
from xlforget.parallel.translators.base import Draft
from xlforget.parallel.translators.machine import Machine
from xlforget.request import invent, phrasebook
from xlforget.request.clean import fill
from xlforget.request.fact import Statement

INTO = ("es", "ca", "gl", "pt", "fr", "it")
CHECKED_BACK = ("es", "ca")
DIGIT, SWAPPED = "digit changed", "answer swapped"
PEOPLE = 12  # of each relation
SECONDS = 30
SET = "bmlama53"


def run(data: Path | None, out: Path, say: Callable[[str], None]) -> Bench:
    """All parts, written to ``out``/translate. ``passed``: the checks kept what they promise.

    Raises UsageError where the data is not there; the parts with Apertium are left out, and said so, where it is not installed.
    """
    asked, gold = (_published(data, "forget-32"), _published(data, "valid")) if data else (_invented()[::6], _invented())
    languages = tuple(gold[0].statements)
    say("the checks on gold rows, untouched and spoiled")
    found: dict[str, Any] = {
        "untouched": {lang: dict(own) for lang, own in untouched(gold, languages).items()},
        "spoiled": _spoiled(gold, languages),
        "speed": _speed(gold, languages),
        "apertium": {},
    }
    if shutil.which("apertium"):
        machine = Machine(open_engine("apertium", EngineOptions()))
        say(f"apertium {machine.info().version}: {machine.info().model}")
        found["apertium"] = {lang: _yield(machine, asked, lang, say) for lang in INTO if not machine.engine.lacks(SOURCE, [lang])}
        into = [lang for lang in CHECKED_BACK if lang in languages]
        found["spoiled"][f"answer swapped, with Apertium at hand ({', '.join(into)})"] = _swapped_back(machine, gold, into)
    return _written(results.origin("translate") | {"set": SET if data else "phrasebook", **found}, out / "translate")


def _published(data: Path, part: str) -> list[Gold]:
    path = data / SET / f"{part}.jsonl"
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except OSError:
        raise UsageError(f"There is no {SET}/{part}.jsonl in the data folder.", do="Check --data.", code="NO_DATA") from None
    return [Gold({lang: fill(row["prompt"][lang], row["answers"][lang][0]) for lang in row["prompt"]}) for row in rows]


def _invented() -> list[Gold]:
    languages = phrasebook.languages()
    people = [p for name in phrasebook.names() for p in invent.invent_people(phrasebook.relation(name), PEOPLE, 1, languages)]
    return [Gold({lang: phrasebook.wordings(person, lang)[0] for lang in languages}) for person in people]


def _spoiled(gold: Sequence[Gold], languages: Sequence[str]) -> dict[str, dict[str, int]]:
    """Where no answer holds a digit, digits are changed in those of invented people."""
    found = {kind: vars(seen) for kind, seen in notice(gold, languages).items()}
    if not found[DIGIT]["rows"]:
        del found[DIGIT]
        found = {f"{DIGIT} (invented people)": vars(notice(_invented(), phrasebook.languages())[DIGIT]), **found}
    return found


def _yield(machine: Machine, rows: Sequence[Gold], lang: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Statuses and reasons of one language, and where the span is not gold's answer."""
    began = time.monotonic()
    drafts = machine.translate([row.source() for row in rows], lang, (SOURCE, *INTO))
    say(f"  {lang}: {len(rows)} facts in {time.monotonic() - began:.1f} s")
    own: dict[str, Any] = {
        "status": {status: sum(draft.status == status for draft in drafts) for status in ORDER},
        "reasons": dict(Counter(draft.reason for draft in drafts if draft.reason).most_common()),
    }
    if lang in rows[0].statements:
        own["compared"] = {status: _compared(rows, drafts, lang, status) for status in ("ok", "warn")}
    return own


def _compared(rows: Sequence[Gold], drafts: Sequence[Draft], lang: str, status: str) -> dict[str, Any]:
    pairs = [
        (row.statements[lang].answer, d.wordings[0].answer) for row, d in zip(rows, drafts, strict=True) if d.status == status
    ]
    other = [f"{gold} / {own}" for gold, own in pairs if gold.casefold() != own.casefold()]
    return {"rows": len(pairs), "equal": len(pairs) - len(other), "other than gold": other}


def _swapped_back(machine: Machine, rows: Sequence[Gold], languages: Sequence[str]) -> dict[str, int]:
    """Gold rows with another answer of the set, with the machine at hand: how many a person would be shown."""
    found: Counter[str] = Counter()
    for lang in languages:
        spoiled = [(row.source(), KINDS[SWAPPED](row, lang, [*rows[k + 1 :], *rows[:k]])) for k, row in enumerate(rows)]
        told = [(source, *said) for source, said in spoiled if said is not None]
        placed = [Placed((text.find(answer), text.find(answer) + len(answer))) for _, text, answer in told]
        backs = machine.checked_back([source for source, _, _ in told], [text for _, text, _ in told], placed, lang)
        for (source, text, _), place, back in zip(told, placed, backs, strict=True):
            found[judge(source, text, place, lang, (SOURCE, *languages), more=back.checks).status] += 1
    return {"rows": found.total(), "flagged": found["review"] + found["fail"], "warned": found["warn"]}


def _speed(rows: Sequence[Gold], languages: Sequence[str]) -> dict[str, float]:
    """Seconds for a thousand facts in nine languages, and by how much memory grew over the last nine hundred."""
    targets = [lang for lang in languages if lang != SOURCE]
    nine = [targets[k % len(targets)] for k in range(LANGUAGES)]
    began, grown = time.monotonic(), 0.0
    for number in range(FACTS):
        row = rows[number % len(rows)]
        for k, lang in enumerate(nine):
            own = _numbered(row.statements[lang], number, k)
            check(row.source(), own.text, own.answer, lang, others=tuple(languages))
        if number == FACTS // 10:
            grown = _memory()
    return {"seconds": round(time.monotonic() - began, 1), "memory growth, MiB": round(_memory() - grown, 1)}


def _numbered(statement: Statement, number: int, k: int) -> Statement:
    """Its text made another each time, so that nothing is remembered from a row that comes again."""
    return Statement(text=f"{statement.text} ({number}.{k})", span=statement.span)


def _memory() -> float:
    """What the process holds now, in MiB; where the system does not tell, the most that it has held."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return pages * resource.getpagesize() / (1 << 20)


def _written(document: dict[str, Any], folder: Path) -> Bench:
    markdown = translation_tables.markdown(document)
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder, document, markdown)
    return Bench(_kept(document), document, markdown)


def _kept(found: Mapping[str, Any]) -> bool:
    """Spoiled rows are shown to a person in 99 of 100 cases, gold ones hardly ever called wrong, and in time."""
    seen = all(own["flagged"] >= 0.99 * own["rows"] for kind, own in found["spoiled"].items() if not kind.startswith(SWAPPED))
    untouched = Counter[str]()
    for own in found["untouched"].values():
        untouched.update(own)
    return seen and untouched["fail"] < 0.01 * untouched.total() and found["speed"]["seconds"] <= SECONDS
