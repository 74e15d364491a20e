"""What the JSON files of a model folder may say: no code from elsewhere, no path out of the folder."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xlforget.artifact import strict_json
from xlforget.errors import IntegrityError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
SHARD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors")
# Vocabularies and our own papers may hold any string as a key; every other JSON file configures a loader.
NOT_CONFIGS = frozenset({"tokenizer.json", "vocab.json", "added_tokens.json", "audit.json", "audit.dsse.json"})
# Each of these makes transformers fetch and run code, some of them with trust_remote_code=False (CVE-2026-4372, -5241).
REMOTE_CODE = frozenset(
    {
        "auto_map",
        "custom_pipelines",
        "trust_remote_code",
        "_attn_implementation_internal",
        "_experts_implementation_internal",
    }
)
KERNELS = frozenset({"attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation"})


def check_json(name: str, path: Path) -> None:
    """Refuse duplicate keys, NaN, and, in files that configure a loader, keys that bring code from elsewhere."""
    document = strict_json.read(path, name)
    if path.name in NOT_CONFIGS or path.name.endswith(".index.json"):
        return
    for key, value in _items(document):
        hub_kernel = key in KERNELS and isinstance(value, str) and "/" in value
        if key in REMOTE_CODE or hub_kernel:
            raise IntegrityError(
                "REMOTE_CODE",
                f"{name}: the key {key} makes a loader run code from elsewhere",
                files=[name],
                do="Remove the key if the model's architecture is part of transformers; otherwise it cannot be used.",
            )


def _items(document: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value at any depth."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield key, value
            yield from _items(value)
    elif isinstance(document, list):
        for value in document:
            yield from _items(value)


def check_index(files: Mapping[str, Path], tensors: Mapping[str, frozenset[str]], *, own_output: bool) -> set[str]:
    """The weight files that a loader takes, after checking that index and shards say the same.

    ``tensors``: names of the tensors of each safetensors file. Without ``own_output`` other safetensors files may
    lie beside those that are loaded (``consolidated.safetensors``); with it they may not.
    """
    other = sorted(name for name in files if name.endswith(".index.json") and name != INDEX)
    if other and own_output:
        raise IntegrityError("INDEX", f"{other[0]}: an index that no loader reads", files=other)
    if INDEX in files and SINGLE in files:
        raise IntegrityError("INDEX", f"both {SINGLE} and {INDEX}: which is the model?", files=[SINGLE, INDEX])
    loaded = _sharded(files[INDEX], tensors) if INDEX in files else {SINGLE} & tensors.keys()
    if not loaded:
        raise IntegrityError("NO_WEIGHTS", f"neither {SINGLE} nor {INDEX} in the folder", files=["."])
    extra = sorted(tensors.keys() - loaded)
    if extra and own_output:
        raise IntegrityError("INDEX", f"{extra[0]}: weights that no loader reads", files=extra)
    return set(loaded)


def _sharded(index: Path, tensors: Mapping[str, frozenset[str]]) -> set[str]:
    document = strict_json.read(index, INDEX)
    places = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(places, dict) or not places:
        raise IntegrityError("INDEX", f"{INDEX}: no weight_map", files=[INDEX])
    for place in places.values():
        if not isinstance(place, str) or not SHARD.fullmatch(place):
            raise IntegrityError("INDEX_PATH", f"{INDEX}: a weight file outside the folder", files=[INDEX])
    shards = set(places.values())
    missing = sorted(shards - tensors.keys())
    if missing:
        raise IntegrityError("INDEX", f"{INDEX}: {missing[0]} is missing", files=[INDEX, *missing])
    held = [(tensor, shard) for shard in shards for tensor in tensors[shard]]
    if len(held) != len(places) or dict(held) != places:
        raise IntegrityError("INDEX", f"{INDEX}: index and shards name different tensors", files=[INDEX])
    return shards
