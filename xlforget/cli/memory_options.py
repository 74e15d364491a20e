"""Options of what a run spends of the machine's memory."""

from typing import Annotated

import typer

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
Rank = Annotated[int, typer.Option("--lora-rank", min=1, rich_help_panel=PANEL, help="For --lora: the adapters' rank.")]
Alpha = Annotated[int, typer.Option("--lora-alpha", min=1, rich_help_panel=PANEL, help="For --lora: scale times rank.")]
