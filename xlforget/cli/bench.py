"""``xlforget bench``: experiments on data that the package does not hold, or on none."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xlforget.cli.console import STDOUT, tables, write_json

if TYPE_CHECKING:
    from xlforget.experiments.main import Bench

EXPERIMENTS = {
    "gate": "judge models of which it is known whether they forgot",
    "ma": "what measuring costs, in one pass and token by token",
    "main": "erase a set with the real commands, compare with a retrained model",
    "scale": "what tickets with more facts and more languages cost",
    "speed": "a step of ours beside a plain and a naive one",
    "translate": "what the checks of translations notice",
}
EPILOG = """Examples:

  xlforget bench main --out bench

  xlforget bench main --set bmlama53 --data ./data --out bench

  xlforget bench scale --data ./data --out bench

  xlforget bench speed --out bench --json -
"""


def bench(
    experiment: Annotated[
        str, typer.Argument(metavar="EXPERIMENT", help="; ".join(f"{name}: {phrase}" for name, phrase in EXPERIMENTS.items()))
    ],
    out: Annotated[Path, typer.Option("--out", help="Results and trained models go to a folder in it.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder with bmlama53/ and flores/, as arXiv 2406.12354 published them.")
    ] = None,
    dataset: Annotated[
        str, typer.Option("--set", help="main, gate: phrasebook (invented people, needs no --data), bmlama53 or flores.")
    ] = "phrasebook",
    shape: Annotated[str, typer.Option(help="speed: small, xglm-564m or xglm-2.9b, with random weights.")] = "small",
    device: Annotated[str, typer.Option(help="speed: cpu or cuda.")] = "cpu",
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="ma: measure this model, instead of one that is trained for it.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="main: invented people in two languages, no run without samples; others: small.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, help="gate: so many models of each kind, with a seed each.")] = 1,
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write the results as JSON; - is stdout.")] = None,
) -> None:
    """Run an experiment; its table goes to the terminal and, as Markdown and JSON, into a folder of --out.

    Small models are trained until they know a set by heart; those that are in --out already are not trained again.
    Exit 1: a command that was run did not end with 0, or a figure missed its target.
    """
    from xlforget.errors import UsageError

    if experiment not in EXPERIMENTS:
        names = ", ".join(EXPERIMENTS)
        raise UsageError(f"There is no experiment {experiment!r}.", do=f"Choose: {names}.", code="UNKNOWN_EXPERIMENT")
    console = tables(json)

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    done = _run(experiment, data, out, dataset, model, (shape, device), seeds, quick=quick, quiet=json == STDOUT, say=say)
    console.print(done.markdown, soft_wrap=True)
    if json:
        write_json(json, done.document)
    raise typer.Exit(0 if done.passed else 1)


def _run(
    experiment: str,
    data: Path | None,
    out: Path,
    dataset: str,
    model: str | None,
    bed: tuple[str, str],
    seeds: int,
    *,
    quick: bool,
    quiet: bool,
    say: Callable[[str], None],
) -> "Bench":
    """Each experiment imports its own room, so that --help imports none."""
    if experiment == "translate":
        from xlforget.experiments import translations

        return translations.run(data, out, say)
    if experiment == "ma":
        from xlforget.experiments import ma

        return ma.run(data, model, out, quick=quick, say=say)
    if experiment == "gate":
        from xlforget.experiments import gate

        return gate.run(dataset, data, out, quick=quick, say=say, quiet=quiet, seeds=seeds)
    if experiment == "speed":
        from xlforget.experiments import speed

        return speed.run(out, *bed, quick=quick, say=say)
    if experiment == "scale":
        from xlforget.experiments import scale

        return scale.run(data, out, quick=quick, quiet=quiet, say=say)
    from xlforget.experiments import main

    return main.run(main.choose(dataset), data, out, quick=quick, quiet=quiet, say=say)
