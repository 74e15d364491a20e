"""Tiny random translation models of the real architectures, with the real tokenizer classes."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

INVENTED = (
    "Zorvana Quillfeather lives in Brindlemoor.",
    "Tamsin Oxgrove lives in Harrowfen and keeps bees.",
    "The kettle on the stove began to sing before dawn.",
    "La barca roja espera en el muelle.",
    "There are seven ways over the hill and one of them is dry.",
)
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
Build = Callable[[str], Path]


def pieces(folder: Path) -> list[tuple[str, float]]:
    """Train a small sentencepiece model, write it to ``folder`` as spm.model, and give its pieces (special ones first)."""
    import sentencepiece

    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(INVENTED * 4), model_writer=out, vocab_size=110, hard_vocab_limit=False, minloglevel=2,
        bos_id=0, pad_id=1, eos_id=2, unk_id=3,
    )  # fmt: skip
    (folder / "spm.model").write_bytes(out.getvalue())
    model = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
    return [(model.id_to_piece(i), model.get_score(i)) for i in range(model.get_piece_size())]


def _vocabulary(folder: Path, names: list[str]) -> str:
    (folder / "words.json").write_text(json.dumps({name: i for i, name in enumerate(names)}))
    return str(folder / "words.json")


def _m2m100(folder: Path) -> tuple[Any, Any]:
    from transformers import M2M100ForConditionalGeneration, M2M100Tokenizer

    names = [piece for piece, _ in pieces(folder)]
    tokenizer = M2M100Tokenizer(_vocabulary(folder, names), str(folder / "spm.model"))
    return tokenizer, M2M100ForConditionalGeneration(_m2m_config(len(names) + len(tokenizer.lang_token_to_id)))


def _nllb(folder: Path) -> tuple[Any, Any]:
    from transformers import M2M100ForConditionalGeneration, NllbTokenizer

    names = [piece for piece, _ in pieces(folder)]
    letters = sorted({letter for name in names[4:] for letter in name})
    tokenizer = NllbTokenizer(vocab={name: i for i, name in enumerate([*SPECIAL, *letters])}, merges=[])
    return tokenizer, M2M100ForConditionalGeneration(_m2m_config(len(tokenizer)))


def _m2m_config(size: int) -> Any:
    from transformers import M2M100Config

    return M2M100Config(
        vocab_size=size, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=256, scale_embedding=True,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2,
    )  # fmt: skip


def _madlad(folder: Path) -> tuple[Any, Any]:
    from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

    own = [(piece, score) for piece, score in pieces(folder) if piece not in SPECIAL]
    languages = [(f"<2{code}>", 0.0) for code in ("en", "es", "ca", "iw", "hi_Latn", "hi")]
    tokenizer = T5Tokenizer(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *languages, *own], extra_ids=0)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    return tokenizer, T5ForConditionalGeneration(config)


def _marian(folder: Path, *tokens: str, target: str) -> tuple[Any, Any]:
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    names = ["</s>", "<unk>", *(piece for piece, _ in pieces(folder) if piece not in SPECIAL), *tokens, "<pad>"]
    spm, last = str(folder / "spm.model"), len(names) - 1
    tokenizer = MarianTokenizer(
        source_spm=spm, target_spm=spm, vocab=_vocabulary(folder, names), source_lang="eng", target_lang=target
    )
    config = MarianConfig(
        vocab_size=len(names), d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=128,
        pad_token_id=last, decoder_start_token_id=last, eos_token_id=0, forced_eos_token_id=0,
    )  # fmt: skip
    model = MarianMTModel(config)
    # As in the released models' settings: the start token is never written, and the end is forced where one is cut off.
    model.generation_config.bad_words_ids = [[last]]
    model.generation_config.forced_eos_token_id = 0
    return tokenizer, model


FAMILIES: dict[str, Callable[[Path], tuple[Any, Any]]] = {
    "m2m100": _m2m100,
    "nllb": _nllb,
    "madlad": _madlad,
    "marian": lambda folder: _marian(folder, ">>spa<<", ">>cat<<", ">>srp_Latn<<", target="mul"),
    "pair": lambda folder: _marian(folder, target="es"),
}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The folder of a tiny random model of a family, made once a session."""
    pytest.importorskip("sentencepiece", reason="needs sentencepiece")
    made: dict[str, Path] = {}

    def build(family: str) -> Path:
        if family not in made:
            made[family] = _save(family, tmp_path_factory.mktemp(family))
        return made[family]

    return build


def _save(family: str, folder: Path) -> Path:
    import torch

    torch.manual_seed(7)
    tokenizer, model = FAMILIES[family](folder)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3.0)  # predictions of an untouched random model hardly differ
    out = folder / f"tiny-{family}"
    tokenizer.save_pretrained(out)
    model.eval().save_pretrained(out)
    return out
