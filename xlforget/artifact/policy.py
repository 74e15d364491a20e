"""What a model folder may hold, checked before anything loads it. Reads names and headers, never weights.

Two strictnesses: a folder of our own holds only what we write; an input model may have side files that no loader
reads (``.gitattributes``, images), which are reported and left alone. Code and pickles are refused in both.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from xlforget.artifact import configs, safetensors_header
from xlforget.errors import IntegrityError

LOADABLE = frozenset({".safetensors", ".json", ".txt", ".md", ".model", ".jinja", ".tiktoken", ".spm", ".bpe", ".html", ".sig"})
LOADABLE_NAMES = frozenset({"LICENSE", "NOTICE"})
# Runs when loaded, or may (pickles, code, archives of them): never wanted beside weights, whoever wrote the folder.
DANGEROUS = frozenset(
    {
        *(".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz", ".nemo", ".mar"),
        *(".h5", ".hdf5", ".keras", ".onnx", ".gguf", ".ggml", ".msgpack", ".ot", ".tflite", ".pb"),
        *(".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".exe", ".whl", ".egg", ".jar"),
        *(".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".zip"),
    }
)
MAGIC = (
    b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"GGUF",
    b"\x93NUMPY", b"\x89HDF", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ", b"\x7fELF",
)  # fmt: skip

REMOVE = "Move the file out of the folder, or convert the model to safetensors, and run the command again."


class Contents(NamedTuple):
    """The files of a folder that passed: names relative to it with ``/``, sorted."""

    files: tuple[str, ...]
    weights: tuple[str, ...]
    ignored: tuple[str, ...]


class _Entry(NamedTuple):
    name: str
    path: Path
    ignored: bool


def check_folder(root: Path, *, own_output: bool) -> Contents:
    """Refuse a folder that must not be loaded (IntegrityError, exit 3), or say what is in it."""
    entries = sorted(walk(root, own_output=own_output))
    ignored = tuple(entry.name for entry in entries if entry.ignored)
    kept = {entry.name: entry.path for entry in entries if not entry.ignored}
    if not kept:
        raise IntegrityError("EMPTY", "the model folder holds no files", files=["."])
    for name, path in kept.items():
        _check_content(name, path)
    weights = {name: path for name, path in kept.items() if name.endswith(".safetensors")}
    if not weights:
        raise IntegrityError("NO_WEIGHTS", "the folder holds no safetensors file", files=["."], do=REMOVE)
    tensors = {name: safetensors_header.tensors(path, name, own_output=own_output) for name, path in weights.items()}
    loaded = configs.check_index(kept, tensors, own_output=own_output)
    return Contents(
        tuple(name for name in kept if name not in tensors or name in loaded),
        tuple(sorted(loaded)),
        tuple(sorted({*ignored, *(tensors.keys() - loaded)})),
    )


def walk(root: Path, *, own_output: bool) -> Iterator[_Entry]:
    """Every regular file under ``root``. Refuses symlinks, special files and names that cannot be written safely.

    With ``own_output`` hidden names, empty folders and unknown file types are refused as well; without, they are
    given as ignored, and a Hugging Face cache snapshot may link to its own ``blobs`` folder.
    """
    if root.is_symlink():
        raise IntegrityError("SYMLINK", "the model folder is itself a symbolic link", files=["."])
    if not root.is_dir():
        raise IntegrityError("NO_FOLDER", "the model folder is missing or is not a folder", files=["."])
    blobs = None if own_output else _blobs(root)
    yield from _walk(root, PurePosixPath(), own_output, blobs)


def _walk(folder: Path, prefix: PurePosixPath, own_output: bool, blobs: Path | None) -> Iterator[_Entry]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    if own_output and not entries and prefix.parts:
        raise IntegrityError("EMPTY_FOLDER", f"{prefix}: an empty folder", files=[str(prefix)])
    for entry in entries:
        name = str(prefix / _checked_name(entry.name, prefix))
        if entry.name.startswith("."):
            if own_output:
                raise IntegrityError("HIDDEN", f"{name}: a hidden file or folder", files=[name])
            yield _Entry(name, Path(entry.path), ignored=True)
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), prefix / entry.name, own_output, blobs)
        else:
            yield _file(Path(entry.path), name, own_output, blobs)


def _file(path: Path, name: str, own_output: bool, blobs: Path | None) -> _Entry:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode) and (blobs is None or path.resolve().parent != blobs or not path.is_file()):
        raise IntegrityError("SYMLINK", f"{name}: a symbolic link", files=[name])
    if not stat.S_ISLNK(mode) and not stat.S_ISREG(mode):
        raise IntegrityError("SPECIAL_FILE", f"{name}: not a regular file", files=[name])
    known = path.suffix.lower() in LOADABLE or path.name in LOADABLE_NAMES
    if path.suffix.lower() in DANGEROUS or (own_output and not known):
        raise IntegrityError("FILE_TYPE", f"{name}: a file type that must not be here", files=[name], do=REMOVE)
    return _Entry(name, path, ignored=not known)


def _checked_name(name: str, prefix: PurePosixPath) -> str:
    if not name.isprintable() or "\\" in name:
        shown = ascii(str(prefix / name))
        raise IntegrityError("BAD_NAME", f"a file name with characters that cannot be printed: {shown}", files=[shown])
    return name


def _blobs(root: Path) -> Path | None:
    """The ``blobs`` folder of a Hugging Face cache when ``root`` is a snapshot in it (models--x/snapshots/revision)."""
    root = root.resolve()
    beside = root.parent.parent / "blobs"
    return beside if root.parent.name == "snapshots" and beside.is_dir() else None


def _check_content(name: str, path: Path) -> None:
    if name.endswith(".safetensors"):
        return
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(MAGIC):
        raise IntegrityError("PICKLE", f"{name}: a pickle, archive or program under another name", files=[name])
    if path.suffix.lower() == ".json":
        configs.check_json(name, path)
