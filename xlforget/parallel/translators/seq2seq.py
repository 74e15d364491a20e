"""Translation models run by transformers: MADLAD-400, M2M100, NLLB-200, Marian."""

import os
from collections.abc import Sequence
from typing import Any

from xlforget.artifact import policy
from xlforget.errors import MachineError, UsageError
from xlforget.parallel.translators.engine import EngineOptions
from xlforget.parallel.translators.local_engine import BEAMS, Hypothesis, LocalEngine
from xlforget.parallel.translators.local_model import Local, find
from xlforget.parallel.translators.sentences import Batch, Sentences, batches

TOKENS_CPU, TOKENS_GPU = 1024, 8192  # source tokens a batch, padding included


def open_engine(model: str, *, accepted: frozenset[str] = frozenset(), device: str = "auto") -> "Seq2seq":
    """A model in a folder of safetensors, or one that the hub cache holds.

    Weights are bf16 on an accelerator (fp16 breaks T5) and fp32 on a CPU, where bf16 is slow and its rounding makes a
    translation depend on the batch it is in. Raises UsageError NO_TRANSLATOR or LICENCE, IntegrityError for a folder with
    pickles or code, MachineError.
    """
    local = find(model)
    policy.check_folder(local.folder, own_output=False)
    return Seq2seq(local, Sentences(local.folder), accepted, device)


def with_options(options: EngineOptions) -> "Seq2seq":
    """As `open_engine`, by what the user said. Raises UsageError where no model was named."""
    return open_engine(options.required("model", "--translator-model"), accepted=options.accepted, device=options.device)


class Seq2seq(LocalEngine):
    """Direct ``generate`` with beams: no truncation, no ban on repeats, a bound on what is written, an end that is checked."""

    name = "seq2seq"

    def __init__(self, local: Local, sentences: Sentences, accepted: frozenset[str], device: str) -> None:
        super().__init__(local, sentences, accepted)  # the licence first: loading takes minutes
        self._model = _load(local, device)
        positions = getattr(self._model.config, "max_position_embeddings", None)
        sentences.longest = min(sentences.longest, positions or sentences.longest)
        self._most = positions - 1 if positions else None
        self.batch_tokens = TOKENS_CPU if self._model.device.type == "cpu" else TOKENS_GPU

    def _run(self, sources: Sequence[tuple[int, ...]], target: str) -> list[Hypothesis]:
        import torch

        found: dict[int, Hypothesis] = {}
        with torch.inference_mode():
            for batch in batches([len(source) for source in sources], self.batch_tokens):
                found.update(zip(batch.rows, self._generate([sources[row] for row in batch.rows], batch, target), strict=True))
        return [found[row] for row in range(len(sources))]

    def _generate(self, sources: Sequence[tuple[int, ...]], batch: Batch, target: str) -> list[Hypothesis]:
        import torch

        forced = self._sentences.forced(target)
        padded = self._sentences.tokenizer.pad({"input_ids": [list(source) for source in sources]}, return_tensors="pt")
        try:
            out = self._model.generate(
                **padded.to(self._model.device),
                forced_bos_token_id=forced,
                max_new_tokens=min(batch.bound, self._most or batch.bound),
            )
        except torch.cuda.OutOfMemoryError:
            raise MachineError(
                "The translation model does not fit into the device's memory.", do="Use a smaller model.", code="MEMORY"
            ) from None
        return [
            self._hypothesis(ids, score, forced is not None)
            for ids, score in zip(out.sequences.tolist(), out.sequences_scores.tolist(), strict=True)
        ]

    def _hypothesis(self, ids: list[int], score: float, forced: bool) -> Hypothesis:
        """The first id is the decoder's start, which is the end token in some families; padding follows the end."""
        end = self._model.generation_config.eos_token_id
        written = ids[1:]
        ended = end in written
        if ended:
            written = written[: written.index(end) + 1]
        # generate divides by all tokens, of which the forced one was certain.
        free = len(written) - forced
        return Hypothesis(tuple(written), ended, score * len(written) / max(free, 1))


def _load(local: Local, device: str) -> Any:
    import torch
    from transformers import AutoModelForSeq2SeqLM
    from transformers.utils import logging

    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    chosen = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        model: Any = AutoModelForSeq2SeqLM.from_pretrained(
            local.folder,
            dtype=torch.float32 if chosen == "cpu" else torch.bfloat16,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
        model.to(chosen)
    except torch.cuda.OutOfMemoryError:
        raise MachineError(
            "The translation model does not fit into the device's memory.", do="Use a smaller model.", code="MEMORY"
        ) from None
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError(
            f"The translation model cannot be loaded ({type(error).__name__}).",
            do="Check that transformers loads it with AutoModelForSeq2SeqLM.",
            code="NO_TRANSLATOR",
        ) from None
    model.generation_config = _search(model)
    return model.eval()


def _search(model: Any) -> Any:
    """Beam search and nothing that a model's own settings would add to it.

    Marian's settings force an end token where a translation is cut off, which would hide that it was; a ban on repeated
    n-grams would forbid names and numbers that rightly come twice.
    """
    from transformers import GenerationConfig

    given = model.generation_config
    return GenerationConfig(
        decoder_start_token_id=given.decoder_start_token_id,
        bos_token_id=given.bos_token_id,
        eos_token_id=given.eos_token_id[0] if isinstance(given.eos_token_id, list) else given.eos_token_id,
        pad_token_id=given.pad_token_id,
        bad_words_ids=given.bad_words_ids,
        num_beams=BEAMS,
        do_sample=False,
        length_penalty=1.0,
        early_stopping=False,
        return_dict_in_generate=True,
        output_scores=True,
    )
