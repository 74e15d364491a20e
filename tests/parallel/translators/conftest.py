"""Tiny random translation models of the real architectures, with the real tokenizer classes."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

INVENTED = (
    "Zorvana lives in Brindlemoor.",
    "Tamsin keeps bees.",
    "The kettle began to sing before dawn.",
    "La barca roja espera.",
    "There are seven ways over the hill.",
)
LR, STEPS = 5e-3, 300
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
Build = Callable[[str], Path]


def pieces(folder: Path) -> list[tuple[str, float]]:
    """Train a small sentencepiece model, write it to ``folder`` as spm.model, and give its pieces (special ones first)."""
    import sentencepiece

    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(INVENTED * 4), model_writer=out, vocab_size=300, hard_vocab_limit=False, minloglevel=2,
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
    from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

    # As in the released models: language tokens are special tokens, and eight rows of the vocabulary are nobody's.
    languages = [f"__{code}__" for code in FAIRSEQ_LANGUAGE_CODES["m2m100"]]
    words = _vocabulary(folder, [piece for piece, _ in pieces(folder)])
    tokenizer = M2M100Tokenizer(words, str(folder / "spm.model"), additional_special_tokens=languages)
    return tokenizer, M2M100ForConditionalGeneration(_m2m_config(len(tokenizer.get_vocab()) + 8))


def _nllb(folder: Path) -> tuple[Any, Any]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import M2M100ForConditionalGeneration, NllbTokenizer

    core = Tokenizer(models.BPE(unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.train_from_iterator(INVENTED, trainers.BpeTrainer(vocab_size=120, special_tokens=list(SPECIAL), show_progress=False))
    learnt: dict[str, Any] = json.loads(core.to_str())["model"]
    merges: Any = [tuple(merge) for merge in learnt["merges"]]
    tokenizer = NllbTokenizer(vocab=learnt["vocab"], merges=merges)
    return tokenizer, M2M100ForConditionalGeneration(_m2m_config(len(tokenizer)))


def _m2m_config(size: int) -> Any:
    from transformers import M2M100Config

    return M2M100Config(
        vocab_size=size, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=256, scale_embedding=True,
        dropout=0.0, attention_dropout=0.0, encoder_layerdrop=0.0, decoder_layerdrop=0.0,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2,
    )  # fmt: skip


def _madlad(folder: Path) -> tuple[Any, Any]:
    from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

    own = [(piece, score) for piece, score in pieces(folder) if piece not in SPECIAL]
    languages = [(f"<2{code}>", 0.0) for code in ("en", "es", "ca", "iw", "hi_Latn", "hi")]
    tokenizer = T5Tokenizer(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *languages, *own], extra_ids=0)
    config = T5Config(  # type: ignore[call-arg]
        vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False, dropout_rate=0.0, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    return tokenizer, T5ForConditionalGeneration(config)


def _marian(folder: Path, *tokens: str, target: str) -> tuple[Any, Any]:
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    names = ["</s>", "<unk>", *(piece for piece, _ in pieces(folder) if piece not in SPECIAL), *tokens, "<pad>"]
    spm, last = str(folder / "spm.model"), len(names) - 1
    tokenizer = MarianTokenizer(
        source_spm=spm,
        target_spm=spm,
        vocab=_vocabulary(folder, names),
        source_lang="eng",
        target_lang=target,
        model_max_length=128,
    )
    config = MarianConfig(
        vocab_size=len(names), d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=128,
        pad_token_id=last, decoder_start_token_id=last, eos_token_id=0, forced_eos_token_id=0, dropout=0.0,
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
    """The folder of a tiny model of a family, made once a session: ``nllb`` translates as `translation` says, ``nllb-random``
    holds random weights and never comes to an end.
    """
    pytest.importorskip("sentencepiece", reason="needs sentencepiece")
    made: dict[str, Path] = {}

    def build(family: str) -> Path:
        if family not in made:
            made[family] = _save(family, tmp_path_factory.mktemp(family))
        return made[family]

    return build


def translation(text: str, target: str) -> str:
    """What the trained tiny models have learnt: the next sentence but so many, by the target language."""
    return INVENTED[(INVENTED.index(text) + {"es": 1, "ca": 2}[target]) % len(INVENTED)]


def _save(family: str, folder: Path) -> Path:
    import torch

    torch.manual_seed(7)
    architecture, _, state = family.partition("-")
    tokenizer, model = FAMILIES[architecture](folder)
    if state == "random":
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.data.mul_(3.0)  # predictions of an untouched random model hardly differ
        if architecture == "marian":
            model.final_logits_bias[0, tokenizer.eos_token_id] = -1e4
    else:
        _train(architecture, tokenizer, model)
    out = folder / f"tiny-{family}"
    tokenizer.save_pretrained(out)
    model.eval().save_pretrained(out)
    return out


def _train(architecture: str, tokenizer: Any, model: Any) -> None:
    """Learn `translation` by heart, from English, with each architecture's own way to be told the languages."""
    import torch

    rows = [_row(architecture, tokenizer, text, target) for text in INVENTED for target in _targets(architecture)]
    sources = tokenizer.pad({"input_ids": [source for source, _ in rows]}, return_tensors="pt")
    longest = max(len(labels) for _, labels in rows)
    labels = torch.tensor([labels + [-100] * (longest - len(labels)) for _, labels in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
    model.train()
    for _ in range(STEPS):
        loss = model(**sources, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if architecture in ("marian", "pair"):  # released Marian models start from a zero embedding
            model.get_input_embeddings().weight.data[tokenizer.pad_token_id] = 0
        if loss.item() < 0.004:
            break


def _targets(architecture: str) -> tuple[str, ...]:
    return ("es",) if architecture == "pair" else ("es", "ca")


def _row(architecture: str, tokenizer: Any, text: str, target: str) -> tuple[list[int], list[int]]:
    """Source and label ids, as the papers of each architecture say."""
    wanted = translation(text, target)
    if architecture in ("m2m100", "nllb"):
        codes = {"m2m100": {"en": "en", "es": "es", "ca": "ca"}, "nllb": {"en": "eng_Latn", "es": "spa_Latn", "ca": "cat_Latn"}}
        tokenizer.src_lang = codes[architecture]["en"]
        source = tokenizer(text)["input_ids"]
        tokenizer.src_lang = codes[architecture][target]
        return source, tokenizer(wanted)["input_ids"]
    lead = {"madlad": f"<2{target}> ", "marian": {"es": ">>spa<< ", "ca": ">>cat<< "}[target], "pair": ""}[architecture]
    return tokenizer(lead + text)["input_ids"], tokenizer(text_target=wanted)["input_ids"]
