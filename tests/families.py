"""Tiny random models of the architectures, and tokenizers of the kinds, that tests go over."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

CONTEXT = 128
UNK, BOS, EOS, PAD = "<unk>", "<s>", "</s>", "<pad>"
SPECIAL = [UNK, BOS, EOS, PAD]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


@dataclass(frozen=True)
class Marks:
    """What a tokenizer puts around a text."""

    before: str | None = None
    behind: str | None = None


def byte_level(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """Byte-level BPE, as of GPT-2, BLOOM, Qwen, OPT, Cohere."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False),
    )
    return core


def unigram(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """Unigram over a metaspace with NFKC, as of XGLM; characters that it never saw are unknown."""
    core = Tokenizer(models.Unigram())
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    core.decoder = decoders.Metaspace(prepend_scheme="always")
    core.train_from_iterator(
        texts, trainers.UnigramTrainer(vocab_size=vocabulary, special_tokens=SPECIAL, unk_token=UNK, show_progress=False)
    )
    return core


def metaspace(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """SentencePiece-style BPE with a space put in front and characters that it never saw as bytes, as of Llama, Mistral."""
    core = Tokenizer(models.BPE(unk_token=UNK, fuse_unk=True, byte_fallback=True))
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    core.decoder = _metaspace_decoder(stripped=1)
    core.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=SPECIAL + BYTES, show_progress=False)
    )
    return _plain_bytes(core)


def replaced(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """SentencePiece-style BPE whose spaces a normalizer replaces, none put in front, as of Gemma."""
    core = Tokenizer(models.BPE(unk_token=UNK, fuse_unk=True, byte_fallback=True))
    core.normalizer = normalizers.Replace(" ", "▁")
    core.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    core.decoder = _metaspace_decoder(stripped=0)
    core.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=SPECIAL + BYTES, max_token_length=8, show_progress=False),
    )
    return _plain_bytes(core)


def _plain_bytes(core: Tokenizer) -> Tokenizer:
    """The bytes as entries like any other, as in released tokenizers: the trainer knows no other way to have them all."""
    described = json.loads(core.to_str())
    described["added_tokens"] = [own for own in described["added_tokens"] if own["content"] not in BYTES]
    return Tokenizer.from_str(json.dumps(described))


def _metaspace_decoder(stripped: int) -> Any:
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence([*parts, decoders.Strip(" ", stripped, 0)] if stripped else parts)


KINDS: dict[str, Callable[[Sequence[str], int], Tokenizer]] = {
    "byte-level": byte_level,
    "unigram": unigram,
    "metaspace": metaspace,
    "replaced": replaced,
}


def train_tokenizer(kind: str, marks: Marks, texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A tokenizer of that kind; the alphabet of ``texts`` comes on top of ``vocabulary`` where it has to."""
    core = KINDS[kind](texts, vocabulary)
    around = [own for own in (marks.before, "$A", marks.behind) if own]
    special = [(own, core.token_to_id(own)) for own in (marks.before, marks.behind) if own]
    if special:
        core.post_processor = processors.TemplateProcessing(single=" ".join(around), special_tokens=special)
    unk = {} if kind == "byte-level" else {"unk_token": UNK}
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token=BOS, eos_token=EOS, pad_token=PAD, **unk)


@dataclass(frozen=True)
class Family:
    """An architecture in small. ``changes``: what is asked of its configuration; ``tokens``, ``marks``: the tokenizer that goes
    with it."""

    config: str
    model: str
    changes: dict[str, Any]
    tokens: str
    marks: Marks
    tied: bool = True

    def tokenizer(self, texts: Sequence[str], vocabulary: int = 500) -> PreTrainedTokenizerFast:
        return train_tokenizer(self.tokens, self.marks, texts, vocabulary)

    def new(self, tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> Any:
        """A random model, in eval mode."""
        torch.manual_seed(seed)
        ids = {
            "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }  # fmt: skip
        config = getattr(transformers, self.config)(
            vocab_size=len(tokenizer), tie_word_embeddings=self.tied, **ids, **self.changes
        )
        return getattr(transformers, self.model)(config).eval()


WIDTH, LAYERS, HEADS, INNER = 32, 2, 2, 96
SHAPE = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
LLAMA = SHAPE | {"intermediate_size": INNER, "max_position_embeddings": CONTEXT, "num_key_value_heads": HEADS}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48, "head_dim": 16}
BEGUN, BARE = Marks(before=BOS), Marks()

FAMILIES = {
    "xglm": Family(
        "XGLMConfig", "XGLMForCausalLM",
        {"d_model": WIDTH, "ffn_dim": INNER, "num_layers": LAYERS, "attention_heads": HEADS, "max_position_embeddings": CONTEXT},
        "unigram", Marks(before=EOS),
    ),
    "bloom": Family(
        "BloomConfig", "BloomForCausalLM", {"hidden_size": WIDTH, "n_layer": LAYERS, "n_head": HEADS}, "byte-level", BARE
    ),
    "llama": Family("LlamaConfig", "LlamaForCausalLM", LLAMA, "metaspace", BEGUN, tied=False),
    "qwen3": Family("Qwen3Config", "Qwen3ForCausalLM", LLAMA | {"head_dim": 16}, "byte-level", BARE),
    "gemma3": Family(
        "Gemma3TextConfig", "Gemma3ForCausalLM",
        LLAMA | {"head_dim": 16, "num_key_value_heads": 1, "sliding_window": 16, "final_logit_softcapping": 30.0,
                 "query_pre_attn_scalar": 16, "layer_types": ["sliding_attention", "full_attention"]},
        "replaced", BEGUN,
    ),
    "mistral": Family(
        "MistralConfig", "MistralForCausalLM", LLAMA | {"num_key_value_heads": 1, "sliding_window": 16}, "metaspace", BEGUN,
        tied=False,
    ),
    "gpt-neox": Family(
        "GPTNeoXConfig", "GPTNeoXForCausalLM",
        SHAPE | {"intermediate_size": INNER, "max_position_embeddings": CONTEXT},
        "byte-level", BARE, tied=False,
    ),
    "opt": Family(
        "OPTConfig", "OPTForCausalLM",
        SHAPE | {"ffn_dim": INNER, "word_embed_proj_dim": 24, "max_position_embeddings": CONTEXT, "init_std": 0.08},
        "byte-level", Marks(before=EOS),
    ),
    "phi": Family(
        "PhiConfig", "PhiForCausalLM",
        SHAPE | {"intermediate_size": INNER, "max_position_embeddings": CONTEXT, "resid_pdrop": 0.1, "embd_pdrop": 0.1},
        "byte-level", BARE, tied=False,
    ),
    "cohere": Family("CohereConfig", "CohereForCausalLM", LLAMA | {"logit_scale": 0.25}, "byte-level", BEGUN),
    "granite": Family("GraniteConfig", "GraniteForCausalLM", LLAMA | {"logits_scaling": 4.0}, "byte-level", BARE),
    "qwen3-moe": Family("Qwen3MoeConfig", "Qwen3MoeForCausalLM", LLAMA | EXPERTS, "byte-level", BARE, tied=False),
}  # fmt: skip
