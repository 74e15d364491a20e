"""The command line's front door: finds commands by name, and turns whatever goes wrong into a message and an exit code.

Each command is a function of its own name in a file of its own name in this folder. Its module is imported when the
command is called or listed, and imports torch and its like inside the function, so that ``--help`` answers at once.
"""

import os
import signal
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from xlforget import __version__
from xlforget.cli.console import explain, out, show_error
from xlforget.errors import UsageError
from xlforget.fleet import launch

PROGRAM = "xlforget"
COMMANDS = (
    "apply",
    "verify",
    "check",
    "translate",
    "measure",
    "phrasebook",
    "keygen",
    "report",
    "demo",
    "clean",
    "bench",
)


class Commands(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name in COMMANDS if find_spec(f"xlforget.cli.{name}")]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return _load(cmd_name) if cmd_name in self.list_commands(ctx) else None

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.Abort:
            raise UsageError("A question was not answered.", do="Run it in a terminal.", code="NO_ANSWER") from None
        except KeyboardInterrupt as error:
            # The library would leave without a word; how to go on must be said.
            raise explain(error, ctx.invoked_subcommand) from error


@cache
def _load(name: str) -> Any:
    single = typer.Typer(add_completion=False)
    module = import_module(f"xlforget.cli.{name}")
    single.command(name, no_args_is_help=False, epilog=getattr(module, "EPILOG", None))(getattr(module, name))
    return typer.main.get_command(single)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"{PROGRAM} {__version__}")
        raise typer.Exit


app = typer.Typer(cls=Commands, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error came from; may stand after the command, too.")
    ] = False,
) -> None:
    """Erase facts from a multilingual language model in all its languages, and prove it.

    Exit codes: 0 passed, 1 the gate failed, 2 bad request or option, 3 integrity, 4 the machine, 130 interrupted.
    """


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave with its exit code. ``args`` defaults to the command line."""
    given = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in given
    signal.signal(signal.SIGTERM, _terminate)
    os.environ["RUST_BACKTRACE"] = "0"  # where memory has run out the tokenizers' library would wait for its own trace for ever
    code = 0
    try:
        launch.take_part(given)
        typer.main.get_command(app).main(args=[arg for arg in given if arg != "--debug"], prog_name=PROGRAM)
    except SystemExit as left:
        code = int(left.code or 0)
    except (Exception, KeyboardInterrupt) as error:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would cut off what is said here
        code = show_error(error, debug=debug)
    launch.leave(code)


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM (a CI job's time-out, say) leaves as tidily as Ctrl-C does."""
    raise KeyboardInterrupt
