"""``xlforget bench``: experiments on data that the package does not hold, or on none."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xlforget.cli.console import STDOUT, tables, write_json

if TYPE_CHECKING:
    from xlforget.experiments.main import Bench

EPILOG = """Examples:

  xlforget bench main --out bench

  xlforget bench main --set bmlama53 --data ./data --out bench

  xlforget bench scale --data ./data --out bench

  xlforget bench speed --out bench --json -

  xlforget bench cost --shape xglm-564m --device cuda --set flores --data ./data --out bench

  xlforget bench kappa --out bench

  xlforget bench methods --set flores --data ./data --jobs 2 --out bench

  xlforget bench transfer --quick --out bench
"""


@dataclass(frozen=True)
class Asked:
    """What `bench` was asked; ``quiet``: stdout is for JSON alone."""

    out: Path
    data: Path | None
    dataset: str
    model: str | None
    shape: str
    device: str
    seeds: int | None
    jobs: int
    quick: bool
    quiet: bool
    say: Callable[[str], None]


# Each experiment imports its own room, so that --help imports none.


def _gate(own: Asked) -> "Bench":
    from xlforget.experiments import gate

    return gate.run(own.dataset, own.data, own.out, quick=own.quick, say=own.say, quiet=own.quiet, seeds=own.seeds or 1)


def _cost(own: Asked) -> "Bench":
    from xlforget.experiments import cost

    return cost.run(own.dataset, own.data, own.out, own.shape, own.device, quick=own.quick, say=own.say)


def _ma(own: Asked) -> "Bench":
    from xlforget.experiments import ma

    return ma.run(own.data, own.model, own.out, quick=own.quick, say=own.say)


def _main(own: Asked) -> "Bench":
    from xlforget.experiments import main

    return main.run(main.choose(own.dataset), own.data, own.out, quick=own.quick, quiet=own.quiet, say=own.say)


def _scale(own: Asked) -> "Bench":
    from xlforget.experiments import scale

    return scale.run(own.data, own.out, quick=own.quick, quiet=own.quiet, say=own.say)


def _speed(own: Asked) -> "Bench":
    from xlforget.experiments import speed

    return speed.run(own.out, own.shape, own.device, quick=own.quick, say=own.say)


def _translate(own: Asked) -> "Bench":
    from xlforget.experiments import translations

    return translations.run(own.data, own.out, own.say)


def _study(name: str) -> Callable[[Asked], "Bench"]:
    def run(own: Asked) -> "Bench":
        from xlforget.experiments.studies import registry

        return registry.run(
            name, own.dataset, own.data, own.model, own.out, quick=own.quick, seeds=own.seeds, jobs=own.jobs, say=own.say
        )

    return run


STUDIES = {
    "kappa": "retain text weighed by the teacher's confidence, by constants, one token off",
    "long-term": "whether fine-tuning afterwards brings back what was forgotten",
    "low-resource": "languages with few training sentences",
    "methods": "every method of the engine on the same facts",
    "order": "many tickets one after another, and as one batch",
    "retain-source": "retain text given, sampled, of neighbours, and none",
    "sampling": "the order of the languages, what it does and costs",
    "teacher": "whose confidence weighs retain text",
    "transfer": "unlearn in one language, measure in all",
}
EXPERIMENTS: dict[str, tuple[str, Callable[[Asked], "Bench"]]] = {
    "cost": ("time and memory of a whole run on a published model's shape", _cost),
    "gate": ("judge models of which it is known whether they forgot", _gate),
    "ma": ("what measuring costs, in one pass and token by token", _ma),
    "main": ("erase a set with the real commands, compare with a retrained model", _main),
    "scale": ("what tickets with more facts and more languages cost", _scale),
    "speed": ("a step of ours beside a plain and a naive one", _speed),
    "translate": ("what the checks of translations notice", _translate),
    **{name: (phrase, _study(name)) for name, phrase in STUDIES.items()},
}
LISTED = "\n\n".join(f"{name}: {phrase}." for name, (phrase, _) in sorted(EXPERIMENTS.items()))


def bench(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help=LISTED)],
    out: Annotated[Path, typer.Option("--out", help="Results and trained models go to a folder in it.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder with bmlama53/ and flores/, as arXiv 2406.12354 published them.")
    ] = None,
    dataset: Annotated[
        str,
        typer.Option(
            "--set", help="main, gate, cost and studies: phrasebook (invented people, needs no --data), bmlama53 or flores."
        ),
    ] = "phrasebook",
    shape: Annotated[
        str, typer.Option(help="speed, cost: small, xglm-564m, xglm-2.9b or llama-8b (adapters alone are trained).")
    ] = "small",
    device: Annotated[str, typer.Option(help="speed, cost: cpu or cuda.")] = "cpu",
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="ma, studies: this model, instead of one that is trained for it.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            metavar="N",
            min=1,
            show_default="all; gate: 1",
            help="Studies: the first N seeds alone. gate: so many models of each kind.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", help="Studies: cells at a time, a process and a thread each.")] = 1,
    quick: Annotated[
        bool, typer.Option("--quick", help="main: invented people in two languages, no run without samples; others: small.")
    ] = False,
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write the results as JSON; - is stdout.")] = None,
) -> None:
    """Run an experiment; its table goes to the terminal and, as Markdown and JSON, into a folder of --out.

    Small models are trained until they know a set by heart; those that are in --out already are not trained again.
    Studies (kappa, long-term, low-resource, methods, order, retain-source, sampling, teacher,
    transfer) also draw a plot, and go on where they stopped.
    Exit 1: a command that was run did not end with 0, or a figure missed its target.
    """
    from xlforget.errors import UsageError

    if experiment not in EXPERIMENTS:
        names = ", ".join(sorted(EXPERIMENTS))
        raise UsageError(f"There is no experiment {experiment!r}.", do=f"Choose: {names}.", code="UNKNOWN_EXPERIMENT")
    console = tables(json)

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    run = EXPERIMENTS[experiment][1]
    done = run(Asked(out, data, dataset, model, shape, device, seeds, jobs, quick, json == STDOUT, say))
    console.print(done.markdown, soft_wrap=True)
    if json:
        write_json(json, done.document)
    raise typer.Exit(0 if done.passed else 1)
