"""What is known of a model before anything is asked of it."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import BloomConfig, Gemma3Config, GPT2Config, PretrainedConfig, PreTrainedTokenizerFast

from xlforget import model_io
from xlforget.lm import Lm


@pytest.mark.parametrize(
    ("config", "context"),
    [
        (GPT2Config(n_positions=77), 77),
        (Gemma3Config(text_config={"max_position_embeddings": 78, "num_hidden_layers": 1}), 78),
        (BloomConfig(), 79),
    ],
)
def test_the_length_that_a_model_reads_is_its_text_models_else_its_tokenizers(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path, config: PretrainedConfig, context: int
) -> None:
    tokenizer.save_pretrained(tmp_path)
    settings = tmp_path / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"model_max_length": 79}))
    assert model_io.load_encoder(tmp_path, Lm(SimpleNamespace(config=config))).context == context
