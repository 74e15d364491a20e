"""Models of a published shape that have learned a set by heart: in bf16 with fp32 master weights where there is a GPU."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from xlforget.corpus.batches import pad
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.errors import MachineError
from xlforget.experiments.memorised import CONTEXT, keep, read_statements
from xlforget.experiments.runs import Say
from xlforget.experiments.sets import Part, Set
from xlforget.experiments.shapes import Shape
from xlforget.experiments.small_model import backward, batches, train_tokenizer
from xlforget.lm import Lm
from xlforget.unlearn.memory import Memory
from xlforget.unlearn.trained import train

TOKENS, WARM, BETA2 = 2048, 0.1, 0.98
TOLD = 50


def train_large(
    chosen: Set, shape: Shape, files: Mapping[Part, Path], parts: Sequence[Part], folder: Path, device: str, say: Say
) -> None:
    """A model of ``shape`` in ``folder`` that has learned ``parts`` by heart, if it is not there; its files are in bf16.

    The tokenizer is one for the set; the rest of the vocabulary stands for nothing.
    """
    if folder.is_dir():
        return
    texts = {part: read_statements(path, chosen.languages) for part, path in files.items()}
    tokenizer = train_tokenizer(
        [text for own in texts.values() for text in own], min(chosen.vocabulary, shape.vocabulary)
    )  # fmt: skip
    encoder = Encoder(tokenizer, CONTEXT)
    encoded = [encoder.encode(text, None) for part in parts for text in texts[part]]
    say(f"training a model of the shape {shape.name} on {len(encoded)} texts")
    lm = Lm(_random(shape, tokenizer, device))
    _memorise(lm, encoded, shape, say)
    keep(lm.model.to(torch.bfloat16), tokenizer, folder)


def _random(shape: Shape, tokenizer: PreTrainedTokenizerFast, device: str) -> LlamaForCausalLM:
    torch.manual_seed(0)
    tokens = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    with torch.device(device):
        model = LlamaForCausalLM(shape.config(CONTEXT, **tokens))
    model.eval()
    if shape.rank:  # what adapters are trained beside needs no master weights
        model.to(torch.bfloat16)  # type: ignore[arg-type]
    return model


def _memorise(lm: Lm, texts: Sequence[Encoded], shape: Shape, say: Say) -> None:
    """AdamW over shuffled batches, ``shape.epochs`` times; the rate rises, then falls as a cosine.

    Raises MachineError where the loss is no number any more.
    """
    trained = train(lm, Memory(lora_rank=shape.rank), lr=shape.rate, beta2=BETA2, seed=0)
    order = list(_order(texts, shape.epochs))
    for step, rows in enumerate(order):
        trained.optimizer.zero()
        loss = backward(lm, pad(texts, rows))
        if not math.isfinite(loss):
            raise MachineError("The model that learns the set fell apart.", do="Choose another shape.", code="NOT_FINITE")
        trained.optimizer.step(shape.rate * _share(step / len(order)), 1.0)
        if step % TOLD == 0 or step + 1 == len(order):
            say(f"  step {step + 1}/{len(order)}, loss {loss:.3f}")
    trained.finish()


def _order(texts: Sequence[Encoded], epochs: int) -> Iterator[list[int]]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        yield from batches(texts, TOKENS, generator)


def _share(done: float) -> float:
    return min((done + 1e-3) / WARM, 0.5 * (1 + math.cos(math.pi * done)))
