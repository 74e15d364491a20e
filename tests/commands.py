"""The real command line in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def xlforget(*args: str | Path, cwd: Path, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in ``cwd``, with none of the user's own settings; ``typed``: what is typed into it."""
    own = ("XLFORGET", "GITHUB")
    env = {k: v for k, v in os.environ.items() if not k.startswith(own)} | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "xlforget", *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, input=typed)
