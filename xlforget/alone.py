"""What a run on several processes cannot do yet: refused before anything loads."""

from xlforget.asked import Apply
from xlforget.errors import UsageError
from xlforget.fleet import launch
from xlforget.parallel.translators import SELF


def refuse(asked: Apply, *, dry_run: bool = False) -> None:
    """Raise UsageError SEVERAL_PROCESSES with all that was asked and one process alone can do; on one nothing is refused."""
    if launch.world() == 1:
        return
    method, memory = asked.method, asked.memory
    lacking = {
        "--dry-run": dry_run,
        f"--method {method.name}": method.layer is not None or bool(method.alphas) or method.retain == "released",
        "--lora": memory.lora_rank > 0,
        "--optimizer adamw8bit": memory.optimizer != "adamw",
        f"--precision {memory.precision}": memory.precision != "auto",
        "--teacher": bool(asked.teacher),
        "--translator self": asked.translator == SELF,
        f"--device {asked.device}": ":" in asked.device,
    }
    if any(lacking.values()):
        raise UsageError(
            f"Not on several processes: {', '.join(option for option, wanted in lacking.items() if wanted)}.",
            do="Leave this out, or run on one process.",
            code="SEVERAL_PROCESSES",
        )
