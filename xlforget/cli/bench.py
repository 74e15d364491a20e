"""``xlforget bench``: experiments on data that the package does not hold."""

from pathlib import Path
from typing import Annotated

import typer

from xlforget.cli.console import tables, write_json

EXPERIMENTS = ("main", "scale", "ma", "translate")


def bench(
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT",
            help="main: erase, compare with a retrained model. scale: what tickets of other sizes cost. "
            "ma: what measuring costs. translate: the checks.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Results and trained models go to a folder in it, named after the set.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder with bmlama53/ and flores/, as arXiv 2406.12354 published them.")
    ] = None,
    dataset: Annotated[
        str, typer.Option("--set", help="phrasebook (invented people, needs no --data), bmlama53 or flores.")
    ] = "phrasebook",
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="ma: measure this model, instead of one that is trained for it.")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="main: no second run without text sampled from the model. scale, ma: few invented people."),
    ] = False,
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write the results as JSON; - is stdout.")] = None,
) -> None:
    """Train a small model until it knows a set by heart, erase facts from it with the real commands, and compare.

    Or scale: steps and time of one ticket after another, with more facts and more languages, and how fast they grow.
    Or ma: the seconds that measuring MA takes in one pass, and by asking for one token after every prefix, on the same model.
    Or translate: what Apertium yields from English, and what the checks notice of translations that were spoiled on purpose.
    Exit 1: a run of apply or verify did not end with 0, the checks noticed too little, or one pass was not fast enough or gave
    another MA. Models that are in --out already are not trained again.
    """
    from xlforget.cli.console import STDOUT
    from xlforget.errors import UsageError

    if experiment not in EXPERIMENTS:
        names = ", ".join(EXPERIMENTS)
        raise UsageError(f"There is no experiment {experiment!r}.", do=f"Choose: {names}.", code="UNKNOWN_EXPERIMENT")
    console = tables(json)

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    if experiment == "translate":
        from xlforget.experiments import translations

        done = translations.run(data, out, say)
    elif experiment == "ma":
        from xlforget.experiments import ma

        done = ma.run(data, model, out, quick=quick, say=say)
    elif experiment == "scale":
        from xlforget.experiments import scale

        done = scale.run(data, out, quick=quick, quiet=json == STDOUT, say=say)
    else:
        from xlforget.experiments import main

        done = main.run(main.choose(dataset), data, out, quick=quick, quiet=json == STDOUT, say=say)
    console.print(done.markdown, soft_wrap=True)
    if json:
        write_json(json, done.document)
    raise typer.Exit(0 if done.passed else 1)
