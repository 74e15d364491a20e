"""What a run spends of the machine's memory, as it was asked for; none of it changes what is asked of the model."""

import logging
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Literal, get_args

from xlforget.errors import MachineError, UsageError
from xlforget.unlearn.methods import Method

Optimizers = Literal["adamw", "adamw8bit"]
Precisions = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True)
class Memory:
    """``optimizer``: AdamW's moments in fp32 or in 8 bits. ``precision``: of forward and backward passes; master weights
    and what is added up are fp32 always. ``checkpointing``: activations are computed again in the backward pass.

    ``lora_rank`` 0: all weights are trained; else adapters of that rank on every linear layer of the blocks, scaled by
    ``lora_alpha`` / rank (arXiv 2106.09685), and merged at the end.
    """

    optimizer: Optimizers = "adamw"
    precision: Precisions = "auto"
    checkpointing: bool = False
    lora_rank: int = 0
    lora_alpha: int = 32

    def __post_init__(self) -> None:
        """Raises UsageError for a name that is none."""
        for option, value, known in (
            ("optimizer", self.optimizer, get_args(Optimizers)),
            ("precision", self.precision, get_args(Precisions)),
        ):
            if value not in known:
                raise UsageError(f"--{option} {value!r} is none.", do=f"Choose one of: {', '.join(known)}.", code=option.upper())


PLAIN = Memory()

# Adapters at three times the rate come as far in as many steps as all weights do, with no more damage (1.4M parameters).
ADAPTED = 3.0


def suited(method: Method, memory: Memory, lr: float | None) -> Method:
    """``method`` with the rate that suits what is trained; ``lr``, where somebody chose one, stays."""
    return replace(method, lr=ADAPTED * method.lr) if memory.lora_rank and lr is None else method


def quiet() -> None:
    """bitsandbytes, which peft loads as well, warns of kernels that are not asked for here."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def check(memory: Memory, method: Method) -> None:
    """What would stop the run later stops it before anything loads: UsageError LORA where the method is none for adapters,
    MachineError BACKEND_MISSING where an option needs a package that is not there."""
    if method.alphas and memory.lora_rank:
        raise UsageError(f"{method.name} takes a vector of all weights.", do="Leave out --lora.", code="LORA")
    for wanted, package, option, extra in (
        (memory.optimizer == "adamw8bit", "bitsandbytes", "--optimizer adamw8bit", "adamw8bit"),
        (memory.lora_rank > 0, "peft", "--lora", "lora"),
    ):
        if wanted and find_spec(package) is None:
            raise MachineError(
                f"{option} needs the Python package {package}, which is not installed.",
                do=f"Install it: pip install 'xlforget[{extra}]'.",
                code="BACKEND_MISSING",
            )
