"""Options of machine translation, the same in every command that has them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from xlforget.parallel.translators.engine import EngineOptions

PANEL = "Translation"
Name = Annotated[
    str,
    typer.Option(
        "--translator",
        metavar="NAME",
        rich_help_panel=PANEL,
        help="Who translates what the request lacks: apertium, seq2seq, ct2, chat or self.",
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--translations",
        metavar="FILE",
        rich_help_panel=PANEL,
        help="Your own translations: JSONL (forms 5, 6) or TMX.",
    ),
]
Paraphrases = Annotated[
    int,
    typer.Option("--paraphrases", min=0, rich_help_panel=PANEL, help="Other wordings of each text to hold out of training."),
]
Model = Annotated[
    str, typer.Option("--translator-model", rich_help_panel=PANEL, help="The translator's model: a folder, or its name.")
]
Endpoint = Annotated[str, typer.Option("--translator-endpoint", metavar="URL", rich_help_panel=PANEL, help="Where it answers.")]
Licence = Annotated[
    str,
    typer.Option("--accept-licence", metavar="ID", rich_help_panel=PANEL, help="Accept a licence that forbids some uses."),
]
Remote = Annotated[
    bool,
    typer.Option("--allow-remote-translator", rich_help_panel=PANEL, help="Let the request's text leave this machine."),
]

Parallel = Annotated[
    Path | None, typer.Option("--parallel", rich_help_panel=PANEL, help="A parallel set that `xlforget translate` wrote.")
]
SkipUnreviewed = Annotated[
    bool, typer.Option("--skip-unreviewed", rich_help_panel=PANEL, help="Leave out rows in review or fail, counted.")
]


def engine_options(model: str, endpoint: str, licence: str, remote: bool, device: str) -> "EngineOptions":
    """The options as one value."""
    from xlforget.parallel.translators.engine import EngineOptions

    return EngineOptions(model=model, endpoint=endpoint, accept_licence=licence, allow_remote=remote, device=device)
