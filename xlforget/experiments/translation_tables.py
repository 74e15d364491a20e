"""The results of `bench translate` as tables that say where they come from."""

from collections.abc import Iterator, Mapping
from typing import Any

from xlforget.experiments.results import table
from xlforget.parallel.pair import ORDER

FACTS, LANGUAGES = 1000, 9  # of the measurement of speed
COMPARED = ("ok", "warn")


def markdown(found: Mapping[str, Any]) -> str:
    """All of it, with its command and machine."""
    machine, speed = found["machine"], found["speed"]
    lines = [
        f"# bench translate, {found['set']}",
        "",
        *(_yields(found["apertium"]) if found["apertium"] else ["Apertium is not installed: no yields."]),
        "",
        *table(["gold rows, untouched", *ORDER], *([lang, *_counts(own)] for lang, own in found["untouched"].items())),
        "",
        *table(["gold rows, spoiled", "rows", "review or fail", "warn"], *map(list, _spoiled(found))),
        "",
        f"{FACTS} facts x {LANGUAGES} languages through the checks alone: {speed['seconds']} s; memory grew by "
        f"{speed['memory growth, MiB']} MiB after fact {FACTS // 10}.",
        "",
        f"`{found['command']}`, {found['finished']}; {machine['processor']}, {machine['cores']} cores; "
        f"Python {machine['python']}, xlforget {machine['xlforget']}",
    ]
    return "\n".join(lines) + "\n"


def _yields(languages: Mapping[str, Any]) -> list[str]:
    head = ["from English, by Apertium", *ORDER, *(f"{status}, equal to gold" for status in COMPARED)]
    rows = [[lang, *_counts(own["status"]), *_equal(own)] for lang, own in languages.items()]
    return [
        *table(head, *rows),
        "",
        "Answers of rows that are ok, where they are not gold's (gold / translation):",
        "",
        *_others(languages),
    ]


def _equal(own: Mapping[str, Any]) -> list[str]:
    compared = own.get("compared")
    return [f"{compared[s]['equal']} of {compared[s]['rows']}" if compared else "no gold" for s in COMPARED]


def _others(languages: Mapping[str, Any]) -> Iterator[str]:
    for lang, own in languages.items():
        if "compared" in own:
            yield f"- {lang}: {', '.join(own['compared']['ok']['other than gold']) or 'none'}"


def _counts(own: Mapping[str, int]) -> list[str]:
    return [str(own.get(status, 0)) for status in ORDER]


def _spoiled(found: Mapping[str, Any]) -> Iterator[list[str]]:
    for kind, own in found["spoiled"].items():
        shares = [f"{own[part] / own['rows']:.2%}" if own["rows"] else "no such rows" for part in ("flagged", "warned")]
        yield [kind, str(own["rows"]), *shares]
