"""Run as a process of its own: the peak memory of real steps on a random model, and what was estimated. Prints JSON.

python tests/unlearn/peak.py '{"vocabulary": 64000, "width": 256, "layers": 4, "memory": {"lora_rank": 16}}'
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from xlforget.corpus.encode import Encoded
from xlforget.corpus.probes import Probe
from xlforget.lm import Lm
from xlforget.unlearn.budget import estimate
from xlforget.unlearn.engine import Engine
from xlforget.unlearn.memory import Memory
from xlforget.unlearn.methods import Method
from xlforget.unlearn.task import Task

PAIRS, RETAIN, LONGEST = 16, 400, 32
BUDGET = 512  # so that a step has several batches, as a real one has
RESET = "5"  # makes the kernel forget the peak: man 5 proc, clear_refs


def resident(kind: str) -> int:
    """Bytes; ``VmRSS``: now, ``VmHWM``: at most since the last reset."""
    return int(next(line for line in Path("/proc/self/status").open() if line.startswith(kind)).split()[1]) << 10


def new_task(vocabulary: int) -> Task:
    rng = np.random.default_rng(0)

    def text(answer: int) -> Encoded:
        length = int(rng.integers(LONGEST // 3, LONGEST + 1))
        return Encoded(
            tuple(map(int, rng.integers(0, vocabulary, length))), tuple(range(length - (answer or length - 1), length))
        )

    pairs = [Probe(f"f{k}", "en", 0, "all", text(4)) for k in range(PAIRS)]
    levels = [np.full(4, -7.0, np.float32) for _ in pairs]
    given, made = ([text(0) for _ in range(60)] for _ in range(2))
    return Task(pairs, levels, pairs[:2], [], [], {}, given, made, seed=0)


def new_lm(vocabulary: int, width: int, layers: int, tied: int = True) -> Lm:
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=max(2, width // 32),
        tie_word_embeddings=bool(tied),
    )
    return Lm(LlamaForCausalLM(config).eval())


def steps(lm: Lm, task: Task, memory: Memory) -> None:
    engine = Engine(lm, task, Method("adaptive", live_pairs=PAIRS, retain_tokens=RETAIN), memory=memory)
    engine.progress.budget = BUDGET
    Path("/proc/self/clear_refs").write_text(RESET)
    for _ in range(2):
        engine._step()


def measured(memory: Memory, vocabulary: int, **shape: int) -> dict[str, int]:
    torch.set_num_threads(1)
    Lm.check = lambda self, batch: None  # type: ignore[method-assign]  # before any step, and with all logits
    steps(new_lm(100, 32, 1), new_task(100), memory)  # libraries load what they need
    task = new_task(vocabulary)
    idle = resident("VmRSS")
    lm = new_lm(vocabulary, **shape)
    stepped = [*(probe.text for probe in task.pairs), *task.given, *task.made]
    found = estimate(lm, memory, stepped, BUDGET, sum(len(text.ids) for text in stepped))
    steps(lm, task, memory)
    return {"measured": resident("VmHWM") - idle, "estimated": found.training, "weights": found.loaded}


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    sys.stdout.write(json.dumps(measured(Memory(**asked.pop("memory", {})), **asked)) + "\n")
