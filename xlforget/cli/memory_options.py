"""Options of what a run spends of the machine's memory."""

from typing import TYPE_CHECKING, Annotated

import typer

from xlforget.errors import UsageError

if TYPE_CHECKING:
    from xlforget.unlearn.memory import Memory

PANEL = "Memory"
Optimizer = Annotated[str, typer.Option("--optimizer", rich_help_panel=PANEL, help="adamw, or adamw8bit: its moments in 8 bits.")]
Precision = Annotated[
    str,
    typer.Option(rich_help_panel=PANEL, help="What is computed in: fp32, bf16, or auto: bf16 on a GPU. Master weights are fp32."),
]
Checkpointing = Annotated[
    bool,
    typer.Option("--checkpointing", rich_help_panel=PANEL, help="Compute activations twice instead of keeping them."),
]
Lora = Annotated[
    bool,
    typer.Option("--lora", rich_help_panel=PANEL, help="Train low-rank adapters only; merged before anything is judged."),
]
Rank = Annotated[
    int | None, typer.Option("--lora-rank", min=1, rich_help_panel=PANEL, help="For --lora: the adapters' rank; default: 16.")
]
Alpha = Annotated[
    int | None, typer.Option("--lora-alpha", min=1, rich_help_panel=PANEL, help="For --lora: scale times rank; default: 32.")
]


def memory(optimizer: str, precision: str, checkpointing: bool, lora: bool, rank: int | None, alpha: int | None) -> "Memory":
    """The options as one value. UsageError LORA: figures for adapters that there are not to be."""
    from xlforget.unlearn.memory import PLAIN, Memory

    if not lora and (rank or alpha):
        raise UsageError("--lora-rank and --lora-alpha are for adapters.", do="Add --lora, or leave them out.", code="LORA")
    return Memory(
        optimizer,  # type: ignore[arg-type]
        precision,  # type: ignore[arg-type]
        checkpointing,
        (rank or 16) if lora else 0,
        alpha or PLAIN.lora_alpha,
    )
