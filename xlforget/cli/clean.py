"""``xlforget clean``: removes what an interrupted or failed run left beside its output folder."""

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from xlforget.cli.console import out


def clean(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="The output folder that the run was to write.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove the work folder beside OUT and what failed runs left; OUT itself stays.

    The work folder holds personal data; `apply` goes on from it, and starts anew without it.
    """
    found = leftovers(folder)
    if not found:
        out.print("Nothing to remove.")
        return
    for path in found:
        out.print(str(path), soft_wrap=True)
    if not yes and not typer.confirm("Remove these for good?"):
        out.print("Nothing was removed.")
        return
    for path in found:
        _remove(path)
    out.print(f"Removed {len(found)}.")


def leftovers(folder: Path) -> tuple[Path, ...]:
    """The work folder ``.OUT.work``, staging folders and half files of killed runs, the failed report ``OUT.failed``."""
    from xlforget.artifact.folder import staging_prefix
    from xlforget.artifact.private import partial
    from xlforget.work import claims

    target = Path(os.path.abspath(folder))  # noqa: PTH100 - a link named OUT is not followed: its leftovers lie beside it
    name = target.name
    fixed = (f".{name}.work", f"{name}.failed")
    beside = [
        path
        for path in sorted(target.parent.iterdir() if target.parent.is_dir() else ())
        if path.name in fixed or path.name.startswith(staging_prefix(target))
    ]
    # Evidence and openings that a killed run was writing elsewhere: its work folder knows where.
    halves = [partial(Path(place)) for place in claims(target)]
    return (*beside, *(path for path in sorted(halves) if path.is_file()))


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path)
