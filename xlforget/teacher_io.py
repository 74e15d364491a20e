"""Another model as the teacher: found, and judged by its configuration and tokenizer, before any of its weights are read."""

from functools import partial
from pathlib import Path
from typing import Any

from xlforget import model_io
from xlforget.corpus.encode import Encoder
from xlforget.errors import UsageError
from xlforget.unlearn.teaching import Another

CAUSAL = ("ForCausalLM", "LMHeadModel")


def find(model: str, device: str) -> Another:
    """The teacher ``model``, a folder or a hub repository. Raises UsageError, IntegrityError, MachineError."""
    where = model_io.locate(model)
    files = model_io.digests(where)
    config, tokenizer = _described(where)
    masked = _is_masked(config)
    if masked and tokenizer.mask_token_id is None:
        raise UsageError("The teacher fills masks, but its tokenizer has none.", do="Choose another teacher.", code="NO_TEACHER")
    return Another(
        name=where.resolve().name,
        files=files,
        encoder=Encoder(tokenizer, _length(config, tokenizer, masked=masked)),
        masked=masked,
        width=config.hidden_size,
        entries=config.vocab_size,
        load=partial(model_io.load_teacher, where, device, masked=masked),
    )


def _described(where: Path) -> tuple[Any, Any]:
    """Configuration and tokenizer."""
    from transformers import AutoConfig, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(where, trust_remote_code=False, local_files_only=True).get_text_config()
        return config, AutoTokenizer.from_pretrained(where, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"The teacher's configuration or tokenizer cannot be loaded ({type(error).__name__}).",
            do="Give a folder that transformers loads as a causal or masked language model.",
            code="NO_TEACHER",
        ) from None


def _is_masked(config: Any) -> bool:
    """A model that fills masks: its kind has such a head, and the folder does not say that it was saved with another."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    causal = any(name.endswith(CAUSAL) for name in config.architectures or ())
    return config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not causal


def _length(config: Any, tokenizer: Any, *, masked: bool) -> int:
    """How many tokens it reads; RoBERTa and its kin count positions from behind their padding token."""
    held = model_io.positions(config, tokenizer)
    return int(min(held - (1 + (config.pad_token_id or 0) if masked else 0), tokenizer.model_max_length))
