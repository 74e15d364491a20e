"""``xlforget phrasebook``: the relations of record form 4, and how each is worded."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from xlforget.cli.console import tables, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from xlforget.request.phrasebook import Relation

SEED = 0


def phrasebook(
    relation: Annotated[str | None, typer.Argument(metavar="RELATION", help="Show every wording of this one.")] = None,
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write the result; - for stdout.")] = None,
) -> None:
    """List the relations that facts can be given by, with an invented person as the example."""
    from xlforget.request import phrasebook as book

    shown = [_described(item) for item in ([book.relation(relation)] if relation else book.relations())]
    if json is not None:
        write_json(json, {"languages": list(book.languages()), "relations": shown})
    if json != "-":
        tables(json).print(_wordings(shown[0]) if relation else _overview(shown))


def _described(relation: "Relation") -> dict[str, Any]:
    """A relation with all its wordings about one invented person."""
    from xlforget.request.invent import invent_people
    from xlforget.request.phrasebook import wordings

    (person,) = invent_people(relation, 1, SEED, tuple(relation.templates))
    return {
        "name": relation.name,
        "description": relation.description,
        "object": relation.object_kind,
        "example": {lang: [item.text for item in wordings(person, lang)] for lang in relation.templates},
    }


def _overview(shown: list[dict[str, Any]]) -> "Table":
    from rich.table import Table

    table = Table("relation", "what it is", "languages", "example")
    for item in shown:
        texts = next(iter(item["example"].values()))
        table.add_row(item["name"], item["description"], " ".join(item["example"]), texts[0])
    return table


def _wordings(item: dict[str, Any]) -> "Table":
    from rich.table import Table

    table = Table("language", "no.", "wording", title=f"{item['name']}: {item['description']}")
    for lang, texts in item["example"].items():
        for number, text in enumerate(texts):
            table.add_row(lang, str(number), text, end_section=number == len(texts) - 1)
    return table
