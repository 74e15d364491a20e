"""What is refused before anything loads a folder, by code and by the file's name."""

import contextlib
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xlforget.artifact.policy import check_folder
from xlforget.errors import IntegrityError

TensorBytes = Callable[..., bytes]
INDEX = "model.safetensors.index.json"


def refused(folder: Path, *, own_output: bool = False) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(IntegrityError) as caught:
        check_folder(folder, own_output=own_output)
    return caught.value.code, caught.value.files


def config(folder: Path, **extra: object) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", **extra}))


def shards(folder: Path, tensor_bytes: TensorBytes, weight_map: dict[str, str]) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model-00001-of-00002.safetensors").write_bytes(tensor_bytes({"a": [1.0]}))
    (folder / "model-00002-of-00002.safetensors").write_bytes(tensor_bytes({"b": [1.0]}))
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


GOOD_MAP = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}


def test_a_saved_model_is_accepted(base: Path) -> None:
    found = check_folder(base, own_output=True)
    assert found.weights == ("model.safetensors",)
    assert found.files == ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def test_shards_are_accepted(base: Path, tensor_bytes: TensorBytes) -> None:
    shards(base, tensor_bytes, GOOD_MAP)
    assert check_folder(base, own_output=True).weights == tuple(GOOD_MAP.values())


def test_side_files_of_an_input_are_reported_and_left_alone(base: Path) -> None:
    (base / ".gitattributes").write_text("x")
    (base / ".cache").mkdir()
    (base / "logo.png").write_bytes(b"PNG")
    assert check_folder(base, own_output=False).ignored == (".cache", ".gitattributes", "logo.png")
    assert refused(base, own_output=True) == ("HIDDEN", (".cache",))


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "modeling_x.py", "weights.gguf", "onnx/model.onnx", "tokenizer.pkl", "x.ZIP"]
)
def test_code_and_pickles_are_refused_in_inputs_too(base: Path, name: str) -> None:
    (base / name).parent.mkdir(exist_ok=True)
    (base / name).write_bytes(b"x")
    assert refused(base) == ("FILE_TYPE", (name,))


@pytest.mark.parametrize("content", [pickle.dumps({}), b"PK\x03\x04zip", b"\x1f\x8bgzip", b"GGUF"])
def test_a_pickle_under_another_name_is_refused(base: Path, content: bytes) -> None:
    (base / "vocab.txt").write_bytes(content)
    assert refused(base) == ("PICKLE", ("vocab.txt",))


@pytest.mark.parametrize(
    "extra",
    [
        {"auto_map": {"AutoModel": "evil.Model"}},
        {"_attn_implementation_internal": "evil/repo"},
        {"detector": [{"trust_remote_code": True}]},
        {"attn_implementation": "evil/kernel"},
        {"custom_pipelines": {}},
    ],
)
def test_keys_that_bring_code_are_refused_at_any_depth(base: Path, extra: dict[str, object]) -> None:
    config(base, **extra)
    assert refused(base) == ("REMOTE_CODE", ("config.json",))


def test_a_vocabulary_may_hold_any_word(base: Path) -> None:
    (base / "vocab.json").write_text(json.dumps({"trust_remote_code": 3}))
    assert "vocab.json" in check_folder(base, own_output=True).files


@pytest.mark.parametrize(
    ("weight_map", "code"),
    [
        ({**GOOD_MAP, "b": "../x.safetensors"}, "INDEX_PATH"),
        ({**GOOD_MAP, "b": "/etc/passwd"}, "INDEX_PATH"),
        ({**GOOD_MAP, "b": "pytorch_model.bin"}, "INDEX_PATH"),
        ({**GOOD_MAP, "b": ".hidden.safetensors"}, "INDEX_PATH"),
        ({**GOOD_MAP, "c": "model-00001-of-00002.safetensors"}, "INDEX"),
        ({**GOOD_MAP, "b": "model-00003-of-00002.safetensors"}, "INDEX"),
        ({"a": "model-00001-of-00002.safetensors", "b": "model-00001-of-00002.safetensors"}, "INDEX"),
        ({}, "INDEX"),
    ],
)
def test_an_index_that_lies_is_refused(base: Path, tensor_bytes: TensorBytes, weight_map: dict[str, str], code: str) -> None:
    shards(base, tensor_bytes, weight_map)
    found, files = refused(base)
    assert (found, INDEX in files) == (code, True)


def test_a_tensor_in_two_shards_is_refused(base: Path, tensor_bytes: TensorBytes) -> None:
    shards(base, tensor_bytes, GOOD_MAP)
    (base / "model-00001-of-00002.safetensors").write_bytes(tensor_bytes({"a": [1.0], "b": [2.0]}))
    assert refused(base) == ("INDEX", (INDEX,))


@pytest.mark.parametrize("name", ["consolidated.safetensors", "pytorch_model.bin.index.json"])
def test_weights_that_no_loader_reads_are_not_ours(base: Path, tensor_bytes: TensorBytes, name: str) -> None:
    (base / name).write_bytes(tensor_bytes({"a": [1.0]}) if name.endswith("tensors") else b"{}")
    assert name not in check_folder(base, own_output=False).weights
    assert refused(base, own_output=True) == ("INDEX", (name,))


def test_a_name_that_cannot_be_shown_is_refused(base: Path) -> None:
    (base / "a\nb.txt").write_text("x")
    code, files = refused(base)
    assert (code, "\n" in files[0]) == ("BAD_NAME", False)


def test_two_answers_to_which_is_the_model_are_refused(base: Path, tensor_bytes: TensorBytes) -> None:
    whole = (base / "model.safetensors").read_bytes()
    shards(base, tensor_bytes, GOOD_MAP)
    (base / "model.safetensors").write_bytes(whole)
    assert refused(base)[0] == "INDEX"


@pytest.mark.parametrize(
    ("content", "code"),
    [('{"a": 1, "a": 2}', "DUP_KEY"), ('{"a": NaN}', "BAD_JSON"), ("{", "BAD_JSON"), ("[" * 100_000, "BAD_JSON")],
)  # fmt: skip
def test_json_that_can_be_read_two_ways_is_refused(base: Path, content: str, code: str) -> None:
    (base / "generation_config.json").write_text(content)
    assert refused(base) == (code, ("generation_config.json",))


def test_links_and_special_files_are_refused(base: Path) -> None:
    (base / "LICENSE").symlink_to("/etc/hostname")
    assert refused(base) == ("SYMLINK", ("LICENSE",))
    (base / "LICENSE").unlink()
    os.mkfifo(base / "merges.txt")
    assert refused(base) == ("SPECIAL_FILE", ("merges.txt",))
    (base.parent / "link").symlink_to(base)
    assert refused(base.parent / "link")[0] == "SYMLINK"


def test_a_cache_snapshot_may_link_to_its_own_blobs_only(tmp_path: Path, base: Path) -> None:
    snapshot, blobs = tmp_path / "models--x" / "snapshots" / "1a2b", tmp_path / "models--x" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for path in base.iterdir():
        path.rename(blobs / path.name)
        (snapshot / path.name).symlink_to(f"../../blobs/{path.name}")
    assert check_folder(snapshot, own_output=False).weights == ("model.safetensors",)
    assert refused(snapshot, own_output=True)[0] == "SYMLINK"
    (snapshot / "LICENSE").symlink_to("/etc/hostname")
    assert refused(snapshot) == ("SYMLINK", ("LICENSE",))


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none")[0] == "NO_FOLDER"
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty")[0] == "EMPTY"


def test_metadata_of_our_own_weights_holds_nothing_but_the_format(base: Path, tensor_bytes: TensorBytes) -> None:
    (base / "model.safetensors").write_bytes(tensor_bytes({"a": [1.0]}, {"format": "pt", "request": "x"}))
    assert check_folder(base, own_output=False).weights
    assert refused(base, own_output=True) == ("ST_META", ("model.safetensors",))


def raw(header: str, body: bytes = b"\0" * 8) -> bytes:
    return struct.pack("<Q", len(header.encode())) + header.encode() + body


TENSOR = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "ST_HEADER"),
        (b"\xff" * 16, "ST_HEADER"),
        (raw(f'{{"a":{TENSOR},"a":{TENSOR}}}'), "DUP_KEY"),
        (raw(f'{{"a":{TENSOR}}}', b"\0" * 9), "ST_HEADER"),
        (raw(f'{{"a":{TENSOR}}}', b"\0" * 7), "ST_HEADER"),
        (raw(f'{{"a":{TENSOR.replace("[2]", "[3]")}}}'), "ST_HEADER"),
        (raw(f'{{"a":{TENSOR.replace("[2]", "[-2]")}}}'), "ST_HEADER"),
        (raw(f'{{"a":{TENSOR.replace("F32", "X")}}}'), "ST_HEADER"),
        (raw(f'{{"__metadata__":{{"k":1}},"a":{TENSOR}}}'), "ST_META"),
        (raw("[]"), "ST_HEADER"),
        (raw('{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}', b"\0"), "ST_HEADER"),
    ],
)
def test_malformed_weights_are_refused(base: Path, content: bytes, code: str) -> None:
    (base / "model.safetensors").write_bytes(content)
    assert refused(base) == (code, ("model.safetensors",))


@given(place=st.integers(0, 400), byte=st.integers(0, 255))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_changed_header_is_accepted_or_refused_never_a_crash(base: Path, place: int, byte: int) -> None:
    path = base / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
    with contextlib.suppress(IntegrityError):
        assert check_folder(base, own_output=False).weights == ("model.safetensors",)
    path.write_bytes(whole)


CANARY = "Zorvana Quillfeather qx7Kf93LmT2b"


@pytest.mark.parametrize(
    "content",
    [
        f'{{"{CANARY}": 1, "{CANARY}": 2}}',
        f'{{"a": "{CANARY}"',
        f'{{"auto_map": "{CANARY}"}}',
        f'{{"attn_implementation": "{CANARY}/x"}}',
    ],
)
def test_no_error_quotes_what_a_file_says(base: Path, content: str) -> None:
    (base / "generation_config.json").write_text(content)
    with pytest.raises(IntegrityError) as caught:
        check_folder(base, own_output=False)
    for word in CANARY.split():
        assert word not in f"{caught.value} {caught.value.do} {caught.value.files}"
