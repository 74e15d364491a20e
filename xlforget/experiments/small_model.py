"""Small multilingual causal LMs trained from nothing until they have memorised a list of texts."""

from collections.abc import Callable, Sequence

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from xlforget.corpus.batches import Batch, pad
from xlforget.corpus.encode import Encoded
from xlforget.lm import Lm
from xlforget.unlearn.chunked import pulled
from xlforget.unlearn.objective import learn

Progress = Callable[[int, int, float], None]
BOS, EOS = "<s>", "</s>"


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE that writes BOS in front and EOS behind every text."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[BOS, EOS], initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator(texts, trainer)
    core.post_processor = processors.TemplateProcessing(single=f"{BOS} $A {EOS}", special_tokens=[(BOS, 0), (EOS, 1)])
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token=BOS, eos_token=EOS, pad_token=EOS)


def new_model(
    tokenizer: PreTrainedTokenizerFast, *, layers: int = 4, width: int = 128, context: int = 256, seed: int = 0
) -> LlamaForCausalLM:
    """A random Llama-shaped model with tied embeddings."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=max(2, width // 32),
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def memorise(
    model: LlamaForCausalLM,
    texts: Sequence[Encoded],
    *,
    epochs: int,
    lr: float = 3e-3,
    batch_tokens: int = 1024,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """AdamW with a one-cycle rate over all texts, ``epochs`` times, in batches of similar length. Changes ``model``."""
    generator = torch.Generator().manual_seed(seed)
    total = epochs * len(batches(texts, batch_tokens, torch.Generator().manual_seed(seed)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=total + epochs, pct_start=0.15)
    model.train()
    lm = Lm(model)
    lm.check(pad(texts, range(min(8, len(texts)))))
    step = 0
    for _ in range(epochs):
        for rows in batches(texts, batch_tokens, generator):
            optimizer.zero_grad()
            loss = backward(lm, pad(texts, rows))
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            if progress:
                progress(step, total, loss)
    model.eval()


def batches(texts: Sequence[Encoded], tokens: int, generator: torch.Generator) -> list[list[int]]:
    """Random batches of about the same length: lengths are jittered before sorting, then the batches are shuffled."""
    jitter = torch.rand(len(texts), generator=generator) * 4
    order = sorted(range(len(texts)), key=lambda r: len(texts[r].ids) + float(jitter[r]))
    out: list[list[int]] = [[]]
    for r in order:
        if out[-1] and (len(out[-1]) + 1) * len(texts[r].ids) > tokens:
            out.append([])
        out[-1].append(r)
    return [out[int(k)] for k in torch.randperm(len(out), generator=generator)]


def backward(lm: Lm, batch: Batch) -> float:
    """Mean cross entropy of every next token; its gradients are added to the model's."""
    kept, ids = batch.attention[:, 1:].bool().to(lm.device), batch.ids.to(lm.device)
    hidden, targets = lm.hidden(batch)[:, :-1][kept], ids[:, 1:][kept]
    values, slope = pulled(learn, hidden, lm.head, targets, torch.full((len(targets),), 1 / len(targets), device=lm.device))
    hidden.backward(slope)
    return float(values.mean())
