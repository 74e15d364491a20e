"""``xlforget translate``: the request in other languages, as a file to read, correct and hand to ``apply``."""

from pathlib import Path
from typing import Annotated

import typer

from xlforget.cli import machine_options, question_options
from xlforget.cli.console import err, out, tables, write_json

EPILOG = """Examples:

  xlforget translate request.jsonl --languages en,es,ca --translator apertium -o parallel.jsonl

  xlforget translate request.jsonl --languages en,fr --translations memory.tmx -o parallel.jsonl

  xlforget translate --review parallel.jsonl

  xlforget apply request.jsonl --parallel parallel.jsonl --model ./model
"""


def translate(
    request: Annotated[str | None, typer.Argument(metavar="REQUEST", help="The request, JSON Lines; - for stdin.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the parallel set here (personal data).")] = None,
    languages: Annotated[str, typer.Option(help="auto, or tags such as en,es,ca.")] = "auto",
    leave_out: question_options.LeaveOut = "",
    translator: machine_options.Name = "",
    translations: machine_options.Files = None,
    paraphrases: machine_options.Paraphrases = 2,
    model: machine_options.Model = "",
    endpoint: machine_options.Endpoint = "",
    licence: machine_options.Licence = "",
    remote: machine_options.Remote = False,
    device: question_options.Device = "auto",
    review: Annotated[
        Path | None,
        typer.Option("--review", metavar="FILE", help="Decide on rows of this set, in the terminal."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard what an interrupted run has translated.")] = False,
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write the counts as JSON; - is stdout.")] = None,
) -> None:
    """Write each fact in every language, checked, with what a person must look at marked; or look at it (--review)."""
    from xlforget import translation
    from xlforget.cli import reviewing
    from xlforget.cli.watching import Watching
    from xlforget.errors import UsageError
    from xlforget.parallel.languages import parse_languages
    from xlforget.parallel.prepare import Wanted

    if review is not None:
        if request is not None:
            raise UsageError("--review takes a parallel set, and no request.", do="Leave the request out.", code="BAD_OPTION")
        reviewing.review(review, out)
        raise typer.Exit
    if request is None or output is None:
        raise UsageError("A request and a file to write are needed.", do="xlforget translate REQUEST -o FILE", code="BAD_OPTION")
    wanted = Wanted(
        languages=parse_languages(languages),
        leave_out=parse_languages(leave_out),
        translator=translator,
        options=machine_options.engine_options(model, endpoint, licence, remote, device),
        translations=tuple(translations or ()),
        paraphrases=paraphrases,
    )
    console = tables(json)
    with Watching(err) as watch:
        made = translation.translate(translation.Translate(request, output, wanted, overwrite, fresh), watch)
    reviewing.show_counts(console, made)
    if json:
        write_json(json, reviewing.counts(made))
    reviewing.show_next(console, made, output)
