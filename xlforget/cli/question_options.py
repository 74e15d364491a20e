"""Options of what is asked of which facts, in which languages, and how hard: the same in every command that has them."""

from pathlib import Path
from typing import Annotated

import typer

Languages = Annotated[str, typer.Option(help="auto, or tags such as en,fr,hi.")]
LeaveOut = Annotated[str, typer.Option(help="Languages in which a fact may be missing.")]
Profile = Annotated[str, typer.Option(help="How hard the model is tested: quick, standard or full.")]
Policy = Annotated[Path | None, typer.Option(metavar="FILE", help="What a model must hold to pass (TOML).")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")]
