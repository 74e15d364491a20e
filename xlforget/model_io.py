"""Load and save with transformers, after the folder policy said yes. Safetensors only, no code from a model, no pickle."""

import hashlib
import math
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from xlforget.artifact import folder, policy
from xlforget.artifact.papers import PAPERS, is_paper
from xlforget.corpus.encode import Encoder
from xlforget.errors import MachineError, UsageError
from xlforget.fleet import weights
from xlforget.fleet.fleet import current
from xlforget.lm import Lm
from xlforget.parallel.translators import own
from xlforget.parallel.translators.engine import Engine
from xlforget.parallel.translators.local_model import card_licence

HUB_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "tickets/*", *PAPERS)
FLOATS = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
REWRITTEN = frozenset({"config.json", "generation_config.json", "model.safetensors.index.json"})


@dataclass(frozen=True)
class Opened:
    """A model on disk and in memory. ``files``: SHA-256 of every file of it that counts, by name.

    ``precision``: what it is measured in.
    """

    folder: Path
    name: str
    files: dict[str, str]
    lm: Lm
    encoder: Encoder
    precision: str = "float32"


def locate(model: str) -> Path:
    """The local folder of a model: itself, or a snapshot of a hub repository (safetensors, JSON and tokenizer files only)."""
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, allow_patterns=list(HUB_FILES)))
    except Exception as error:
        raise UsageError(
            f"{model!r} is not a folder here, and as a hub repository it could not be had ({type(error).__name__}).",
            do="Give the path of a folder with config.json, tokenizer files and safetensors weights.",
            code="NO_MODEL",
        ) from None


def digests(where: Path) -> dict[str, str]:
    """SHA-256 of the files that make the model; its papers, where this tool wrote them, are not part of it."""
    contents = policy.check_folder(where, own_output=False)
    found = folder.digests(where, own_output=False)
    return {name: found[name] for name in contents.files if name in found and not is_paper(name)}


def open_model(model: str, device: str = "auto") -> Opened:
    """Check the folder, hash it, load it. Raises UsageError, IntegrityError, MachineError."""
    where = locate(model)
    files = digests(where)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    lm = _spread(where, device)
    precision = str(lm.dtype).removeprefix("torch.")
    return Opened(where, where.resolve().name, files, lm, load_encoder(where, lm), precision)


def reopen(where: Path, device: str = "auto") -> Lm:
    """A model of ours as it stands on disk."""
    policy.check_folder(where, own_output=False)
    return _spread(where, device)


def load_teacher(where: Path, device: str = "auto", *, masked: bool) -> Lm:
    """Another model that teaches; ``masked``: one that fills masks, of which only the model itself can be used."""
    policy.check_folder(where, own_output=False)
    return Lm(_load(where, device, masked=True)) if masked else _checked(_load(where, device))


def _spread(where: Path, device: str) -> Lm:
    """A model as it stands on disk; on several processes rank 0 reads it, and each holds a part of it."""
    fleet = current()
    if fleet is None:
        return _checked(_load(where, device))
    return weights.divide(_load(where, device, home="cpu"), fleet, device_of(device))


def _checked(model: Any) -> Lm:
    """A model whose head was tried on a few tokens: how its logits come about is known before anything is measured."""
    lm = Lm(model)
    lm.try_out()
    return lm


def _load(where: Path, device: str, *, masked: bool = False, home: str = "") -> Any:
    """``home``: where it is put, if not on ``device``."""
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    chosen = device_of(device)
    dtype = torch.float32 if chosen == "cpu" else "auto"
    try:
        kind: Any = AutoModelForMaskedLM if masked else AutoModelForCausalLM
        model, found = kind.from_pretrained(
            where, dtype=dtype, use_safetensors=True, trust_remote_code=False, local_files_only=True, output_loading_info=True
        )
        if masked and found["missing_keys"]:
            raise ValueError("the folder has no head for masked tokens")
        if model.dtype == torch.float16:
            model.float()  # its range is too small for an optimizer's state
        model.to(home or chosen)
        return model.eval()
    except torch.cuda.OutOfMemoryError:
        raise MachineError("The model does not fit into the device's memory.", do="Use a larger device.", code="MEMORY") from None
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"The model cannot be loaded as a {'masked' if masked else 'causal'} language model ({type(error).__name__}).",
            do=f"Check that transformers loads it with AutoModelFor{'Masked' if masked else 'Causal'}LM.",
            code="NO_MODEL",
        ) from None


def device_of(asked: str) -> str:
    """The device asked for, or the best there is. Raises UsageError DEVICE for one that is not there."""
    chosen = asked if asked != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=chosen)
    except (AssertionError, RuntimeError, NotImplementedError):
        raise UsageError(f"There is no device {chosen!r} here.", do="Use --device cpu or auto.", code="DEVICE") from None
    return chosen


def load_encoder(where: Path, lm: Lm) -> Encoder:
    """The model's tokenizer with the length that the model reads. Raises UsageError NO_TOKENIZER where there is none."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"The tokenizer in the folder of {where.resolve().name} cannot be loaded ({type(error).__name__}).",
            do="Put the tokenizer files of the model it was made from beside the weights.",
            code="NO_TOKENIZER",
        ) from None
    return Encoder(tokenizer, positions(lm.model.config, tokenizer))


def positions(config: Any, tokenizer: Any) -> int:
    """How many tokens a model reads, as its text model's configuration says, else its tokenizer."""
    own = config.get_text_config()
    held = getattr(own, "max_position_embeddings", None) or getattr(own, "n_positions", None)
    return int(held or tokenizer.model_max_length)


def as_translator(opened: Opened) -> Engine:
    """The model itself as a translation engine: no text leaves the machine."""
    revision = hashlib.sha256("".join(sorted(opened.files.values())).encode()).hexdigest()[:12]
    return own.open_engine(
        opened.lm.model,
        opened.encoder.tokenizer,
        context=opened.encoder.context,
        name=opened.name,
        revision=revision,
        licence=card_licence(opened.folder) or "the model's own",
    )


def save(lm: Lm, base: Path, staging: Path) -> None:
    """Weights and config of ``lm``, and the base's other files as they are. Raises MachineError for non-finite weights.

    The weights are cast, in place, to what they are in the base's files.
    """
    files, model = policy.check_folder(base, own_output=False).files, weights.whole(lm)
    _cast(model, _dtypes([base / name for name in files if name.endswith(".safetensors")]))
    if not all(bool(torch.isfinite(p).all()) for p in model.parameters()):
        raise MachineError(
            "The weights are no longer finite numbers.",
            do="Lower the learning rate and start with --fresh.",
            code="NOT_FINITE",
        )
    model.save_pretrained(staging, max_shard_size="5GB")
    for name in files:
        ours = name in REWRITTEN or is_paper(name)
        if not ours and not name.endswith((".safetensors", ".index.json")):
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(base / name, staging / name)


def _dtypes(files: Sequence[Path]) -> dict[str, torch.dtype]:
    """The type of each tensor of floating point numbers; under the empty name that of most numbers."""
    found: dict[str, torch.dtype] = {}
    numbers: Counter[torch.dtype] = Counter()
    for file in files:
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118  not a mapping
                part = opened.get_slice(name)
                if part.get_dtype() in FLOATS:
                    found[name] = FLOATS[part.get_dtype()]
                    numbers[found[name]] += math.prod(part.get_shape())
    return found | {"": numbers.most_common(1)[0][0]} if numbers else {"": torch.float32}


def _cast(model: Any, dtypes: Mapping[str, torch.dtype]) -> None:
    written = model.state_dict().keys()
    for name, tensor in chain(model.named_parameters(), model.named_buffers()):
        if name in written and tensor.is_floating_point():
            tensor.data = tensor.data.to(dtypes.get(name, dtypes[""]))
