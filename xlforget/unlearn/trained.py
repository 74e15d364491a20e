"""A model's weights while they are trained: in which numbers, all of them or adapters, and by which optimizer."""

from dataclasses import replace

from xlforget.fleet.fleet import Twin, together
from xlforget.fleet.sharded import ShardedLm
from xlforget.lm import Lm
from xlforget.unlearn.lora import Adapters
from xlforget.unlearn.memory import Memory
from xlforget.unlearn.optimizer import Optimizer
from xlforget.unlearn.precision import cast, chosen, put_back
from xlforget.unlearn.recompute import keep, recompute


@together
def train(lm: Lm, memory: Memory, *, lr: float, beta2: float, seed: int) -> "Trained":
    """``lm`` made ready for training in place, as ``memory`` has it; until a step is taken it says what it said before.

    Raises UsageError where the architecture does not allow an option.
    """
    if isinstance(lm, ShardedLm):  # its shards are fp32 masters, whatever it computes in
        memory = replace(memory, precision="fp32")
    return Trained(lm, memory, lr=lr, beta2=beta2, seed=seed)


class Trained(Twin):
    """A model in training, with what it takes to make it a plain one again."""

    def __init__(self, lm: Lm, memory: Memory, *, lr: float, beta2: float, seed: int) -> None:
        self._lm = lm
        self._originals = cast(lm.model, chosen(memory.precision, lm.device))
        self.adapters: Adapters | None = None
        if memory.lora_rank:
            self.adapters = Adapters(lm, memory.lora_rank, memory.lora_alpha, seed)
            # They are only needed at the end: the device's memory is for training.
            self._originals = {p: weight.cpu() for p, weight in self._originals.items()}
        if memory.checkpointing:
            recompute(lm.model)
        named = dict(lm.model.named_parameters())
        self.optimizer = Optimizer(named, self._originals, memory.optimizer, lr=lr, beta2=beta2)

    @together
    def finish(self) -> None:
        """``lm`` as a plain model again, each weight in the most digits that are known of it."""
        keep(self._lm.model)
        put_back(self._originals)
        put_back(self.optimizer.weights())
        if self.adapters:
            self.adapters.merge()
