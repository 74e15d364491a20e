"""A translation model on this machine: its folder, revision and licence. Nothing is ever downloaded."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from xlforget.errors import UsageError

CARD = "README.md"
# Not all of a repository: pickles and other formats beside the weights are refused.
FETCH = 'hf download google/madlad400-3b-mt --include "*.safetensors" --include "*.json" --include "*.model" --include "*.md"'
SHOWN = 16  # hex digits of a folder's digest


@dataclass(frozen=True)
class Local:
    """``folder``: where the model lies. ``name``: what it was asked for by, without the path to it.

    ``revision``: the commit of a hub snapshot, else the digest of the folder's files.
    """

    folder: Path
    name: str
    revision: str


def find(model: str) -> Local:
    """A folder, or a hub repository that this machine already has in its cache. UsageError NO_TRANSLATOR: neither."""
    if Path(model).is_dir():
        folder = Path(model)
        return Local(folder, folder.resolve().name, _digest(folder))
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(model, local_files_only=True))
    except Exception as error:
        raise UsageError(
            f"The translation model is neither a folder here nor in the local hub cache ({type(error).__name__}).",
            do=f"xlforget downloads no translator by itself. Fetch it first, for example: {FETCH}",
            code="NO_TRANSLATOR",
        ) from None
    return Local(folder, model, folder.name)


def tokenizer_class(folder: Path) -> str:
    """The class of tokenizer that the model was saved with, "" where its folder does not say."""
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return str(config.get("tokenizer_class", "")) if isinstance(config, dict) else ""


def card_licence(folder: Path) -> str:
    """The licence in the head of the model card, "" where there is no card or no licence in it."""
    if not (folder / CARD).is_file():
        return ""
    from huggingface_hub import metadata_load

    try:
        licence = (metadata_load(folder / CARD) or {}).get("license")
    except Exception:  # YAML of somebody else: whatever is wrong with it, it states no licence
        return ""
    return licence if isinstance(licence, str) else ""


def check_licence(licence: str, accepted: Collection[str]) -> None:
    """UsageError LICENCE: the licence forbids commercial use and the user has not accepted it by name."""
    if "-nc" in licence.lower() and licence.lower() not in {name.lower() for name in accepted}:
        raise UsageError(
            f"The translation model is under {licence}, which forbids commercial use.",
            do=f"Accept it with --accept-licence {licence.lower()}, or use MADLAD-400 (Apache-2.0) or M2M100 (MIT).",
            code="LICENCE",
        )


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with path.open("rb") as file:
            whole.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return f"sha256:{whole.hexdigest()[:SHOWN]}"
