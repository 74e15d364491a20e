"""Other teachers for a bed: causal ones of another size, and masked ones of the shapes of mBERT and XLM-R."""

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from xlforget.corpus.encode import Encoder
from xlforget.experiments.memorised import CONTEXT, keep, read_statements
from xlforget.experiments.runs import Say
from xlforget.experiments.small_model import memorise, new_model
from xlforget.experiments.studies.bed import Bed, memorised

NAMES = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
CLOSING: dict[str, Any] = {"single": "[CLS] $A [SEP]", "special_tokens": [("[CLS]", 2), ("[SEP]", 3)]}
SIZES = {"teacher-larger": (4, 160), "teacher-smaller": (1, 48)}
MASKED = 0.15
EPOCHS, BATCH_TOKENS, MASKED_RATE = 40, 4096, 2e-3


def train(bed: Bed, say: Say) -> None:
    """Those of the teachers that the bed lacks; each knows all that the base knows, and has its folder whole or not at all."""
    texts = [text for part in memorised(bed.files)["base"] for text in read_statements(bed.files[part], bed.languages)]
    for name in (*SIZES, "teacher-mbert", "teacher-xlm-r"):
        if not (bed.folder / name).is_dir():
            say(f"training {name}")
            model, tokenizer = _causal(bed, texts, *SIZES[name]) if name in SIZES else _masked(name, texts, bed)
            keep(model, tokenizer, bed.folder / name)


def _causal(bed: Bed, texts: Sequence[str], layers: int, width: int) -> tuple[Any, Any]:
    """With the base's own tokens."""
    tokenizer: Any = AutoTokenizer.from_pretrained(bed.base, trust_remote_code=False, local_files_only=True)
    encoder = Encoder(tokenizer, CONTEXT)
    model = new_model(tokenizer, layers=layers, width=width, context=CONTEXT, seed=1)
    encoded = [encoder.encode(text, None) for text in texts]
    memorise(model, encoded, epochs=bed.chosen.epochs, lr=bed.chosen.rate, batch_tokens=bed.chosen.batch_tokens, seed=1)
    return model, tokenizer


def _masked(name: str, texts: Sequence[str], bed: Bed) -> tuple[Any, Any]:
    torch.manual_seed(1)
    bert = name == "teacher-mbert"
    tokenizer = word_pieces(texts, bed.chosen.vocabulary) if bert else unigrams(texts, bed.chosen.vocabulary)
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer), "hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 384, "pad_token_id": 0,
    }  # fmt: skip
    model: Any
    if bert:
        model = BertForMaskedLM(BertConfig(**shape, max_position_embeddings=CONTEXT))
    else:
        model = XLMRobertaForMaskedLM(XLMRobertaConfig(**shape, max_position_embeddings=CONTEXT + 2))
    fill_masks(model, tokenizer, texts, epochs=EPOCHS)
    return model, tokenizer


def word_pieces(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """As mBERT has them: cased, no blanks in any token."""
    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer(lowercase=False)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=list(NAMES.values()), show_progress=False)
    return _closed(core, texts, trainer)


def unigrams(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """As XLM-R has them: a blank is the beginning of the token after it."""
    core = Tokenizer(models.Unigram())
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Metaspace()
    names = list(NAMES.values())
    trainer = trainers.UnigramTrainer(vocab_size=vocabulary, special_tokens=names, unk_token="[UNK]", show_progress=False)
    return _closed(core, texts, trainer)


def _closed(core: Tokenizer, texts: Sequence[str], trainer: Any) -> PreTrainedTokenizerFast:
    core.train_from_iterator(texts, trainer)
    core.post_processor = processors.TemplateProcessing(**CLOSING)
    return PreTrainedTokenizerFast(tokenizer_object=core, model_max_length=CONTEXT, **NAMES)


def fill_masks(model: Any, tokenizer: Any, texts: Sequence[str], *, epochs: int) -> float:
    """Train ``model`` to fill the masks that a share `MASKED` of its tokens is put behind; the last mean loss. Changes it."""
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=MASKED_RATE)
    batches = _batches(tokenizer, texts)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, MASKED_RATE, total_steps=epochs * len(batches), pct_start=0.15)
    model.train()
    losses: list[float] = []
    for _ in range(epochs):
        losses = []
        for number in torch.randperm(len(batches), generator=generator).tolist():
            optimizer.zero_grad()
            loss = model(**_hidden(batches[number], tokenizer, generator)).loss
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    model.eval()
    return sum(losses) / len(losses)


def _batches(tokenizer: Any, texts: Sequence[str]) -> list[Any]:
    """Texts of about the same length together."""
    ordered = sorted(texts, key=len)
    found: list[list[str]] = [[]]
    for text in ordered:
        if found[-1] and (len(found[-1]) + 1) * len(text) > BATCH_TOKENS:
            found.append([])
        found[-1].append(text)
    return [tokenizer(own, padding=True, truncation=True, return_tensors="pt") for own in found]


def _hidden(batch: Any, tokenizer: Any, generator: torch.Generator) -> dict[str, torch.Tensor]:
    ids = batch["input_ids"]
    text = ~torch.isin(ids, torch.tensor(tokenizer.all_special_ids))
    chosen = text & (torch.rand(ids.shape, generator=generator) < MASKED)
    chosen[0] |= text[0] & ~chosen.any()  # a batch without any mask has no loss
    return {
        "input_ids": ids.masked_fill(chosen, tokenizer.mask_token_id),
        "attention_mask": batch["attention_mask"],
        "labels": ids.masked_fill(~chosen, -100),
    }
