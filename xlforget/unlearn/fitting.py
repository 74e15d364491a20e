"""How many tokens go through the model at once: as many as fit, found by trying."""

from collections.abc import Callable
from typing import TypeVar

from accelerate.utils import find_executable_batch_size
from accelerate.utils.memory import should_reduce_batch_size

from xlforget.errors import MachineError

T = TypeVar("T")


def fitting(work: Callable[[int], T], budget: int, least: int) -> tuple[T, int]:
    """What ``work`` gives with a budget of tokens that fits, and this budget: ``budget``, or halved until it does.

    ``work`` is called anew for each and drops what an earlier call left. ``least``: below it halving saves nothing.
    Raises MachineError OUT_OF_MEMORY where even that does not fit.
    """
    try:
        return work(budget), budget
    except RuntimeError as error:
        if not should_reduce_batch_size(error):
            raise

    def halve() -> int:
        nonlocal budget
        budget = budget // 2 if budget > least else 0
        return budget

    # The library frees what the device has cached before each try, which takes too long to be done for every step.
    try:
        return find_executable_batch_size(work, starting_batch_size=halve(), reduce_batch_size_fn=halve)(), budget
    except RuntimeError:
        if budget:
            raise
        raise MachineError(
            "Out of memory: not even one text at a time fits.",
            do="Add --checkpointing, --lora or --optimizer adamw8bit, or use a machine with more memory.",
            code="OUT_OF_MEMORY",
        ) from None
