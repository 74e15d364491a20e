"""``xlforget demo``: makes a small model that knows invented people, then runs the real commands on it."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from xlforget.cli.console import out

ROUNDS, SAMPLES, RATE = "12", "1024", "1e-3"


def demo(
    folder: Annotated[Path, typer.Option("--out", help="Where to write the model, the report and the keys.")] = Path("demo"),
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Train the demo's model again.")] = False,
) -> None:
    """Make a model that has memorised invented people, make it forget some of them, and verify the result.

    Every command is shown as it is run, and can be run again by hand.
    """
    import shutil

    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from xlforget import demo as maker

    cache = maker.cache_folder()
    if rebuild:
        shutil.rmtree(cache, ignore_errors=True)
    if not (cache / "model").is_dir():
        out.print("First a small model learns invented people by heart: three to five minutes, once.")
    columns = (TextColumn("training the demo's model"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task("train", total=None)
        made = maker.build(cache, lambda done, total, loss: bar.update(task, completed=done, total=total))
    out.print(f"model that knows the people of {made.request.name}: {made.model}", soft_wrap=True)
    folder.mkdir(parents=True, exist_ok=True)
    key, model = folder / "demo.pem", folder / "model-forgotten"
    request = Path("requests/demo.jsonl")
    if not (request.is_file() and request.read_bytes() == made.request.read_bytes()):
        request = made.request
    if not key.exists():
        _run("keygen", str(key))
    _run(
        "apply", str(request), "--model", str(made.model), "--retain", str(made.retain), "--languages", ",".join(maker.LANGUAGES),
        "--rounds", ROUNDS, "--lr", RATE, "--samples", SAMPLES, "--ticket", "DEMO-1", "--key", str(key),
        "--out", str(model), "--overwrite",
    )  # fmt: skip
    _run("verify", str(model), "--key", str(key.with_suffix(".pub")), "--ticket", "DEMO-1")
    _show(model)


def _run(*command: str) -> None:
    """Show a command and run it in a process of its own; its exit code ends the demo where it is not 0."""
    out.print(f"\n$ xlforget {shlex.join(command)}", soft_wrap=True, style="bold")
    code = subprocess.run([sys.executable, "-m", "xlforget", *command], check=False).returncode
    if code:
        raise typer.Exit(code)


def _show(model: Path) -> None:
    from xlforget.artifact.audit_file import read_any
    from xlforget.cli.showing import short_table

    out.print(short_table(read_any(model / "audit.json").verdict))
    out.print(f"model   {model}\nreport  {model / 'audit.html'}", soft_wrap=True)
