"""Whether this process is one of several, as `torchrun` and `accelerate launch` say it, and what it is there for.

Rank 0 runs the command as if it were alone. The others take no part in it but for their shards: they print nothing, write
nothing, and end when rank 0 ends, however it ends.
"""

import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

# Commands that open a model and can have it spread. Any other is rank 0's alone.
SPREAD = ("apply", "measure", "verify")


def rank() -> int:
    """The number of this process among all, 0 where it is alone."""
    return int(os.environ.get("RANK", "0")) if world() > 1 else 0


def world() -> int:
    """How many processes were launched."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def take_part(args: Sequence[str]) -> None:
    """Find the other processes, where there are any, for the command ``args``. For all ranks but 0 it does not return.

    Raises MachineError where the processes do not find each other.
    """
    if world() == 1:
        return
    command = next((arg for arg in args if not arg.startswith("-")), "")
    together = command in SPREAD and not {"--help", "-h"} & set(args)
    if rank() > 0:
        _be_silent()
    if together:
        from xlforget.fleet import fleet

        joined = fleet.join()
        if rank() > 0:
            joined.serve()
    elif rank() > 0:
        sys.exit(0)


def leave(code: int) -> NoReturn:
    """End with ``code``, the other ranks too. Those that are in the middle of an operation are not waited for."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a launcher that sees one rank end stops the rest
    if "xlforget.fleet.fleet" in sys.modules:
        from xlforget.fleet import fleet

        if (joined := fleet.current()) and not joined.end(code):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # a common end would wait for them
    sys.exit(code)


def _be_silent() -> None:
    """No output, no crash dump: both could hold text of a fact, and rank 0 says all there is to say."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # both are for rank 0, and the others end with it
