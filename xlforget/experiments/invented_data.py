"""Invented people of the phrasebook as a set of the main experiment: who must go, who must stay, who is never shown."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from xlforget.experiments.sets import PARTS, Part, Set
from xlforget.request import invent, phrasebook
from xlforget.request.fact import Structured

RELATIONS = (
    "phone_number", "email_address", "home_address", "date_of_birth", "place_of_birth", "employer",
    "bank_account", "diagnosis",
)  # fmt: skip
INVENTED = Set("phrasebook", ("en", "hi", "ar", "zh"), epochs=26, batch_tokens=1024, vocabulary=4096)
QUICK = replace(INVENTED, name="phrasebook-quick", languages=("en", "hi"), epochs=48)
SEED = 20260102
REQUESTED, KEPT, BYSTANDERS, STRANGERS = 1, 2, 1, 15


def write(target: Path, languages: Sequence[str] = INVENTED.languages) -> dict[Part, Path]:
    """The parts as JSON Lines in ``target``; what nobody told the model is worded by the phrasebook itself, so no unseen part."""
    request, retain, bystanders = invented(languages, (REQUESTED, KEPT, BYSTANDERS), SEED)
    strangers = invented(languages, (STRANGERS,), SEED + 1)[0]
    lines: dict[Part, list[str]] = {
        "request": list(structured_lines(request, PARTS["request"])),
        "retain": list(worded_lines(retain, languages)),
        "bystanders": list(worded_lines(bystanders, languages)),
        "test": list(worded_lines(strangers, languages)),
    }
    target.mkdir(parents=True, exist_ok=True)
    for part, own in lines.items():
        (target / f"{part}.jsonl").write_text("".join(f"{line}\n" for line in own), encoding="utf-8")
    return {part: target / f"{part}.jsonl" for part in lines}


def invented(languages: Sequence[str], counts: Sequence[int], seed: int) -> list[list[Structured]]:
    """Groups of so many invented people for each relation; nobody is in two groups."""
    groups: list[list[Structured]] = [[] for _ in counts]
    for name in RELATIONS:
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
