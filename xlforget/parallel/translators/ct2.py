"""The same translation models under CTranslate2: several times faster on a CPU, with eight-bit weights if wished."""

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xlforget.errors import MachineError, UsageError
from xlforget.parallel.translators.engine import EngineOptions
from xlforget.parallel.translators.local_engine import BEAMS, Hypothesis, LocalEngine
from xlforget.parallel.translators.local_model import Local, find
from xlforget.parallel.translators.sentences import Sentences, batches

WEIGHTS = "model.bin"
# Search goes on until this many times BEAMS translations have ended. With 1, the default, it stops while a better one is
# being written, and what it gives lacks a word: arXiv 2204.05424.
PATIENCE = 2
SCALED = b"decoder/scale_outputs"
CONVERT = (
    "Convert it with ct2-transformers-converter --model MODEL --output_dir DIR --quantization int8 --copy_files and the names "
    "of all its tokenizer files, then give DIR."
)


def open_engine(model: str, *, accepted: frozenset[str] = frozenset(), device: str = "auto") -> "Ct2":
    """A folder that ct2-transformers-converter wrote, with the model's tokenizer files copied into it.

    Weights are of the type that they were converted to, or the nearest that the device computes with. Raises UsageError
    NO_TRANSLATOR or LICENCE, MachineError NO_BACKEND where CTranslate2 is not installed.
    """
    try:
        import ctranslate2
    except ImportError:
        raise MachineError("CTranslate2 is not installed.", do="pip install 'xlforget[ct2]'", code="NO_BACKEND") from None
    local = find(model)
    if not (local.folder / WEIGHTS).is_file():
        raise UsageError("The folder holds no CTranslate2 model.", do=CONVERT, code="NO_TRANSLATOR")
    sentences = Sentences(local.folder)
    if sentences.family.name == "MADLAD-400" and _scaled(local.folder / WEIGHTS):
        raise UsageError(
            "The MADLAD-400 model was converted as if its embeddings were tied, so all it writes is wrong.",
            do="Convert it in an environment with transformers 4; transformers 5 hides from the converter that they are not.",
            code="NO_TRANSLATOR",
        )
    return Ct2(local, sentences, accepted, device, ctranslate2)


def _scaled(weights: Path) -> bool:
    """Whether the decoder's outputs are scaled, which is right for a T5 with tied embeddings alone."""
    with weights.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(SCALED) >= 0


def with_options(options: EngineOptions) -> "Ct2":
    """As `open_engine`, by what the user said. Raises UsageError where no model was named."""
    return open_engine(options.required("model", "--translator-model"), accepted=options.accepted, device=options.device)


class Ct2(LocalEngine):
    """CTranslate2's beam search over batches that are counted in tokens."""

    name = "ct2"
    batch_tokens = 2048

    def __init__(self, local: Local, sentences: Sentences, accepted: frozenset[str], device: str, library: Any) -> None:
        super().__init__(local, sentences, accepted)
        self._translator = _load(local.folder, device, library)
        # CTranslate2 fails where a model with a table of positions writes past its end.
        self._most = int(sentences.tokenizer.model_max_length) - 1

    def _run(self, sources: Sequence[tuple[int, ...]], target: str) -> list[Hypothesis]:
        forced = self._sentences.forced(target)
        lead = [] if forced is None else self._sentences.tokens([forced])
        found: dict[int, Hypothesis] = {}
        for batch in batches([len(source) for source in sources], self.batch_tokens):
            results = self._translate([self._sentences.tokens(sources[row]) for row in batch.rows], lead, batch.bound)
            found.update(zip(batch.rows, (self._hypothesis(result, len(lead)) for result in results), strict=True))
        return [found[row] for row in range(len(sources))]

    def _translate(self, rows: list[list[str]], lead: list[str], bound: int) -> Any:
        try:
            return self._translator.translate_batch(
                rows,
                target_prefix=[lead] * len(rows) if lead else None,
                beam_size=BEAMS,
                patience=PATIENCE,
                length_penalty=1.0,
                max_batch_size=self.batch_tokens,
                batch_type="tokens",
                max_input_length=0,  # nothing is cut off: what is too long was refused
                max_decoding_length=min(bound, self._most),
                return_scores=True,
                return_end_token=True,
            )
        except RuntimeError:
            raise MachineError(
                "CTranslate2 stopped in the middle of its work.", do="Free some memory, or use a smaller model.", code="BACKEND"
            ) from None

    def _hypothesis(self, result: Any, forced: int) -> Hypothesis:
        ids = self._sentences.ids(result.hypotheses[0])
        # CTranslate2 divides by all tokens, of which the forced one was certain.
        score = float(result.scores[0]) * len(ids) / max(len(ids) - forced, 1)
        return Hypothesis(tuple(ids), self._sentences.tokenizer.eos_token_id in ids, score)


def _load(folder: Path, device: str, library: Any) -> Any:
    chosen = device if device != "auto" else ("cuda" if library.get_cuda_device_count() else "cpu")
    name, _, index = chosen.partition(":")
    try:
        return library.Translator(str(folder), device=name, device_index=int(index or 0), compute_type="default")
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"The CTranslate2 model cannot be loaded ({type(error).__name__}).", do=CONVERT, code="NO_TRANSLATOR"
        ) from None
