"""Invented people of the phrasebook as a set of the main experiment: who must go, who must stay, who is never shown."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xlforget.experiments.sets import PARTS, Part, Set, put
from xlforget.request import invent, phrasebook
from xlforget.request.fact import Structured

RELATIONS = (
    "phone_number", "email_address", "home_address", "date_of_birth", "place_of_birth", "employer",
    "bank_account", "diagnosis",
)  # fmt: skip
FEWEST = ("phone_number", "date_of_birth", "place_of_birth", "diagnosis")
FEWER = ("phone_number", "home_address", "date_of_birth", "place_of_birth", "employer", "diagnosis")


@dataclass(frozen=True)
class Size:
    """How many people of each relation are asked to be forgotten, kept, never shown to a run, unknown to the model,
    and forgotten only to tune."""

    relations: tuple[str, ...] = RELATIONS
    requested: int = 1
    kept: int = 2
    bystanders: int = 1
    strangers: int = 15
    tuning: int = 0


INVENTED = Set("phrasebook", ("en", "hi", "ar", "zh"), epochs=26, batch_tokens=1024, vocabulary=4096)
QUICK = Set("phrasebook-quick", ("en", "hi"), epochs=50, batch_tokens=512, vocabulary=1500, layers=2, width=96, rate=4e-3)
# Two languages that share a script, and two more scripts; so small that a run takes half a minute of one core.
STUDIED = Set("phrasebook-studies", ("en", "fr", "ar", "zh"), epochs=10, vocabulary=2048, layers=2, width=96, rate=6e-3, step=0.5)
# 32 people in all languages of the phrasebook, for the gate. The tokenizer knows none of them: said forty times over, their
# numbers would be tokens of their own, and those of unseen people would not.
GATED = Set(
    "phrasebook-gate", ("en", "es", "fr", "de", "pt", "ar", "hi", "zh"), epochs=20, vocabulary=3072, layers=2, width=96,
    rate=6e-3, tokens=("test",),
)  # fmt: skip
QUICK_STUDIED = replace(STUDIED, name="phrasebook-studies-quick", languages=("en", "ar"), epochs=32)
SIZES = {
    INVENTED.name: Size(),
    QUICK.name: Size(FEWEST),
    GATED.name: Size(requested=4),
    STUDIED.name: Size(FEWER, requested=2, kept=3, bystanders=3, strangers=4, tuning=2),
    QUICK_STUDIED.name: Size(FEWER, strangers=4, tuning=1),
}
SEED = 20260102


def write(target: Path, chosen: Set = INVENTED) -> dict[Part, Path]:
    """The parts of ``chosen`` as JSON Lines in ``target``; there is no unseen part, which the phrasebook words itself."""
    size, languages = SIZES[chosen.name], chosen.languages
    counts = (size.requested, size.kept, size.bystanders, size.tuning)
    request, retain, bystanders, tuning = invented(languages, counts, SEED, size.relations)
    strangers = invented(languages, (size.strangers,), SEED + 1, size.relations)[0]
    lines: dict[Part, list[str]] = {
        "request": list(structured_lines(request, PARTS["request"])),
        "retain": list(worded_lines(retain, languages)),
        "bystanders": list(worded_lines(bystanders, languages)),
        "test": list(worded_lines(strangers, languages)),
        "tuning": list(structured_lines(tuning, PARTS["tuning"])),
    }
    target.mkdir(parents=True, exist_ok=True)
    files = {part: target / f"{part}.jsonl" for part, own in lines.items() if own}
    for part, path in files.items():
        put(path, lines[part])
    return files


def invented(
    languages: Sequence[str], counts: Sequence[int], seed: int, relations: Sequence[str] = RELATIONS
) -> list[list[Structured]]:
    """Groups of so many invented people for each relation; nobody is in two groups."""
    groups: list[list[Structured]] = [[] for _ in counts]
    for name in relations:
        people = iter(invent.invent_people(phrasebook.relation(name), sum(counts), seed, languages))
        for group, count in zip(groups, counts, strict=True):
            group += [next(people) for _ in range(count)]
    return groups


def structured_lines(people: Sequence[Structured], prefix: str) -> Iterator[str]:
    """Record form 4, one a person."""
    for number, p in enumerate(people, start=1):
        row = {"id": f"{prefix}-{number}", "subject": p.subject, "relation": p.relation, "object": p.object, "gender": p.gender}
        yield json.dumps(row, ensure_ascii=False)


def worded_lines(people: Sequence[Structured], languages: Sequence[str]) -> Iterator[str]:
    """Record form 5 with answers, one a wording, in all languages."""
    for person in people:
        worded = {lang: phrasebook.wordings(person, lang) for lang in languages}
        for k in range(min(len(own) for own in worded.values())):
            texts = {lang: own[k].text for lang, own in worded.items()}
            answers = {lang: own[k].answer for lang, own in worded.items()}
            yield json.dumps({"texts": texts, "answers": answers}, ensure_ascii=False)
