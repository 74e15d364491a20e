"""How sure another model is of each next token, whatever its own tokens are: both are laid over the same characters.

A causal model is asked for the probability of the token's characters after all that stands before them; a masked one (BERT,
XLM-R) for their probability in the text around, with these characters masked.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xlforget.corpus.batches import Batch, by_length
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.unlearn.levels import Tokens, flat
from xlforget.unlearn.objective import token_logp

Progress = Callable[[int, int], None]
Span = tuple[int, int]

TEXTS = 16
TOKENS, LOGITS = 2048, 2**26


@dataclass(frozen=True)
class Reader:
    """Another model, and its tokenizer with the length that it reads. ``masked``: it fills masks, and sees both sides."""

    model: Any
    encoder: Encoder
    masked: bool


def confidences(reader: Reader, tokenizer: Any, texts: Sequence[Encoded], progress: Progress) -> list[Tokens]:
    """For each text of ``tokenizer``'s tokens the probability of each, [T]: the product over the other's tokens that cover it.

    NaN where the other model says nothing: special tokens, blanks, characters that its vocabulary or its length lacks.
    """
    reader.model.eval()
    found: list[Tokens] = []
    for start in range(0, len(texts), TEXTS):
        found += _block(reader, tokenizer, texts[start : start + TEXTS])
        progress(len(found), len(texts))
    return found


def characters(tokenizer: Any, ids: Sequence[int]) -> tuple[str, list[Span | None]]:
    """The text that ``ids`` stand for, and each token's characters in it; a token that is a part of one has all of it.

    None for special tokens, and for blanks.
    """
    text, special = _decoded(tokenizer, ids), set(tokenizer.all_special_ids)
    spans: list[Span | None] = []
    end = 0
    for number, token in enumerate(ids):
        start, end = end, _common(_decoded(tokenizer, ids[: number + 1]), text)
        spans.append(None if token in special else _ink(text, start, max(end, start + 1)))
    return text, spans


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _common(one: str, other: str) -> int:
    """How many characters two texts have in common from their beginning on."""
    return next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _ink(text: str, start: int, end: int) -> Span | None:
    """The span less the blanks at its ends."""
    own = text[start:end]
    left = len(own) - len(own.lstrip())
    return (start + left, start + len(own.rstrip())) if own.strip() else None


def _block(reader: Reader, tokenizer: Any, texts: Sequence[Encoded]) -> list[Tokens]:
    told = [characters(tokenizer, text.ids) for text in texts]
    read = _read(reader, [text for text, _ in told])
    covers = [[_cover(reader, text, span, *own) for span in spans] for (text, spans), own in zip(told, read, strict=True)]
    answers = (
        _masked(reader, [ids for ids, _ in read], covers) if reader.masked else _causal(reader, [i for i, _ in read], covers)
    )
    return [np.minimum(np.exp(own), 1.0).astype(np.float32) for own in answers]


def _read(reader: Reader, texts: Sequence[str]) -> list[tuple[list[int], list[Span]]]:
    """The other model's tokens and their characters. A causal model that begins texts with no token is given one."""
    own = reader.encoder.tokenizer
    first = own.bos_token_id if own.bos_token_id is not None else own.eos_token_id
    length = reader.encoder.context - 1
    batch = own(list(texts), return_offsets_mapping=True, truncation=True, max_length=length, verbose=False)
    found = []
    for ids, offsets in zip(batch["input_ids"], batch["offset_mapping"], strict=True):
        lacks = not reader.masked and first is not None and (not ids or ids[0] not in own.all_special_ids)
        found.append(([first, *ids], [(0, 0), *offsets]) if lacks else (list(ids), list(offsets)))
    return found


def _cover(reader: Reader, text: str, span: Span | None, ids: Sequence[int], offsets: Sequence[Span]) -> tuple[int, ...]:
    """The other's tokens that cover ``span``; none where some of it is not covered, or by a token that says nothing."""
    if span is None:
        return ()
    cover = tuple(j for j, (a, b) in enumerate(offsets) if a < span[1] and b > span[0])
    reached = {c for j in cover for c in range(*offsets[j])}
    lacking = any(c not in reached and not text[c].isspace() for c in range(*span))
    unknown = any(ids[j] == reader.encoder.tokenizer.unk_token_id for j in cover)
    unpredicted = not reader.masked and 0 in cover
    return () if lacking or unknown or unpredicted else cover


def _causal(reader: Reader, ids: Sequence[Sequence[int]], covers: Sequence[Sequence[tuple[int, ...]]]) -> Iterator[Tokens]:
    """One pass over each text: log-probability of each token's cover, NaN for none."""
    asked = [Encoded(tuple(own), tuple(range(1, len(own)))) for own in ids]
    for own, wanted in zip(_logp(reader, asked, [one.ids[1:] for one in asked]), covers, strict=True):
        yield np.array([own[[j - 1 for j in cover]].sum() if cover else np.nan for cover in wanted])


def _masked(reader: Reader, ids: Sequence[Sequence[int]], covers: Sequence[Sequence[tuple[int, ...]]]) -> Iterator[Tokens]:
    """One pass for each cover of each text, with all of it masked."""
    mask = reader.encoder.tokenizer.mask_token_id
    questions = [(row, cover) for row, wanted in enumerate(covers) for cover in dict.fromkeys(filter(None, wanted))]
    asked = [Encoded(tuple(mask if j in cover else i for j, i in enumerate(ids[row])), cover) for row, cover in questions]
    answers = _logp(reader, asked, [[ids[row][j] for j in cover] for row, cover in questions])
    known = {question: float(own.sum()) for question, own in zip(questions, answers, strict=True)}
    for row, wanted in enumerate(covers):
        yield np.array([known.get((row, cover), np.nan) for cover in wanted])


@torch.no_grad()
def _logp(reader: Reader, asked: Sequence[Encoded], targets: Sequence[Sequence[int]]) -> list[Tokens]:
    """Log-probability of the targets at each text's asked positions, in batches whose logits fit: a masked text has few."""
    device, entries = reader.model.device, reader.model.config.get_text_config().vocab_size
    found: list[Tokens] = [np.empty(0, np.float32)] * len(asked)
    for batch in by_length(asked, TOKENS if reader.masked else max(1, LOGITS // entries)):
        rows, at = flat([asked[row].answer for row in batch.rows])
        wanted = torch.tensor([target for row in batch.rows for target in targets[row]], dtype=torch.long, device=device)
        logits = _logits(reader.model, batch, rows, at - (0 if reader.masked else 1))
        logp = token_logp(logits.float(), wanted).cpu().numpy()
        ends = np.cumsum([len(targets[row]) for row in batch.rows])[:-1]
        for row, own in zip(batch.rows, np.split(logp, ends), strict=True):
            found[row] = own
    return found


def _logits(model: Any, batch: Batch, rows: Tensor, at: Tensor) -> Tensor:
    """Logits at these positions, [N, V]: the last layer of the model's head is given no others, for it is the costly one."""

    def chosen(_: Any, given: tuple[Tensor]) -> tuple[Tensor]:
        return (given[0][rows, at],)

    last = model.get_output_embeddings()
    hook = last.register_forward_pre_hook(chosen) if last is not None else None
    try:
        logits: Tensor = model(input_ids=batch.ids.to(model.device), attention_mask=batch.attention.to(model.device)).logits
    finally:
        if hook:
            hook.remove()
    return logits if hook else logits[rows, at]
