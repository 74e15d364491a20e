"""How much memory a run needs, from the shapes of its model and texts; `tests/unlearn/test_budget.py` measures against it.

Weights, gradients and moments are counted; a pass's activations are those that autograd keeps of one text, times texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from xlforget.corpus.batches import pad
from xlforget.corpus.encode import Encoded
from xlforget.lm import Lm
from xlforget.unlearn.lora import Adapters
from xlforget.unlearn.memory import Memory
from xlforget.unlearn.precision import chosen

FULL = 4  # bytes of fp32
# Beside the head's gradient there is that of the embeddings for a while, before autograd adds it to theirs.
HEADS = 1
# Matrices of a chunk's positions by the vocabulary that a step writes over again and again (`chunked`), and one more for a cap.
CHUNKS = 3
LOGITS = 2  # and as many while a text is measured (`memorization`)
# bitsandbytes: two moments of a byte each, and one fp32 maximum for every 256 of them.
EIGHT_BIT = 2 * (1 + FULL / 256)


# What a C library's heap holds beyond what is in use, where many blocks of some megabytes come and go. A GPU's memory is not
# handed out by it.
HEAP = 1.6
# And what libraries take for themselves when they first work on large matrices, in bytes.
LIBRARIES = 120 << 20


@dataclass(frozen=True)
class Budget:
    """Bytes on the device that trains, of a run's process beyond what an idle one has.

    ``weights``: masters too; ``cache``: the teacher's states; ``leaning``: the weights as they were, while a step is taken where
    something was learned again; ``step``: what a step needs for a while. ``loaded``: weights as they were loaded; ``measuring``:
    what measuring needs beside them, and beside the model that was written.
    """

    weights: int
    gradients: int
    optimizer: int
    head: int
    cache: int
    leaning: int
    step: int
    loaded: int
    measuring: int

    @property
    def training(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.head + self.cache + self.leaning + self.step

    @property
    def peak(self) -> int:
        return max(self.training, 2 * self.loaded + self.measuring)


def estimate(lm: Lm, memory: Memory, texts: Sequence[Encoded], budget: int, cached: int, *, leans: bool = False) -> Budget:
    """For a model as it was loaded. ``texts``: those that steps are made of, ``cached``: token positions of the teacher;
    ``leans``: steps may be taken where something was learned again (`hardening`)."""
    dtype, (entries, width) = chosen(memory.precision, lm.device), _shape(lm)
    head = 0 if lm.whole else entries * width
    parameters = list(lm.model.parameters())
    every, largest = sum(p.numel() for p in parameters), max(p.numel() for p in parameters)
    trained = _trained(lm, memory)
    masters = trained * FULL if memory.lora_rank or dtype != torch.float32 else 0
    heap, fixed = (1.0, 0) if lm.device.type == "cuda" else (HEAP, LIBRARIES)
    matrix = lm.head.positions(entries) * entries * FULL
    matrices = (CHUNKS + (lm.head.cap is not None)) * matrix
    own = 0 if memory.lora_rank else HEADS * head * dtype.itemsize
    passes = fixed + own + matrices + heap * _activations(lm, memory, texts, budget, dtype.itemsize)
    return Budget(
        weights=every * dtype.itemsize + masters,
        gradients=trained * FULL,
        optimizer=int(trained * _moments(memory)),
        head=head * dtype.itemsize,
        cache=cached * width * dtype.itemsize,
        leaning=trained * FULL if leans else 0,
        step=int(passes if memory.lora_rank else max(passes, 2 * largest * FULL)),
        loaded=sum(p.nbytes for p in parameters),
        measuring=LOGITS * matrix,
    )


def _shape(lm: Lm) -> tuple[int, int]:
    """Entries of the vocabulary, and the width of last hidden states."""
    weight = lm.head.weight
    if weight is not None:
        return weight.shape[0], weight.shape[1]
    config = lm.model.config.get_text_config()
    return int(config.vocab_size), int(config.hidden_size)


def checkpoint_bytes(lm: Lm, memory: Memory) -> int:
    """What a checkpoint holds: master weights of what is trained, and moments."""
    return int(_trained(lm, memory) * (FULL + _moments(memory)))


def _trained(lm: Lm, memory: Memory) -> int:
    """How many weights are trained."""
    return adapters(lm.model, memory.lora_rank) if memory.lora_rank else sum(p.numel() for p in lm.model.parameters())


def _moments(memory: Memory) -> float:
    """Bytes of both moments of a weight."""
    return EIGHT_BIT if memory.optimizer == "adamw8bit" else 2 * FULL


def adapters(model: Any, rank: int) -> int:
    """Weights of adapters of that rank, counted on a copy of the model that takes no memory."""
    with torch.device("meta"):
        empty = type(model)(model.config)
        Adapters(Lm(empty), rank, rank, seed=0)
    return sum(p.numel() for p in empty.parameters() if p.requires_grad)


def _activations(lm: Lm, memory: Memory, texts: Sequence[Encoded], budget: int, size: int) -> int:
    """Bytes kept for a backward pass over a full batch, from what one text alone keeps."""
    longest = max(texts, key=lambda text: len(text.ids))
    positions = max(len(longest.ids), min(budget, sum(len(text.ids) for text in texts)))
    kept = _kept(lm, longest) * positions / len(longest.ids) * size / lm.model.dtype.itemsize
    layers = int(lm.model.config.get_text_config().num_hidden_layers)
    block = kept / layers
    if memory.checkpointing:
        kept = layers * positions * _shape(lm)[1] * size
    return int(kept + block)  # what a block's backward pass makes is about what it kept


@torch.enable_grad()
def _kept(lm: Lm, text: Encoded) -> int:
    """Bytes that autograd keeps of one forward pass over one text, weights left out."""
    weights = {p.untyped_storage().data_ptr() for p in lm.model.parameters()}
    found: dict[int, Tensor] = {}

    def pack(kept: Tensor) -> Tensor:
        found.setdefault(kept.untyped_storage().data_ptr(), kept)
        return kept

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept):
        lm.hidden(pad([text], [0]))
    return sum(kept.untyped_storage().nbytes() for at, kept in found.items() if at not in weights)
