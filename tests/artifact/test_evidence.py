"""The evidence bundle: private, reproducible, and read with care."""

import zipfile
from pathlib import Path

import pytest

from xlforget.artifact import evidence
from xlforget.artifact.private import write_private
from xlforget.errors import IntegrityError, UsageError


def write_bundle(path: Path, parts: dict[str, bytes]) -> None:
    write_private(path, evidence.pack(parts), overwrite=True)


def read_bundle(path: Path) -> dict[str, bytes]:
    return evidence.unpack(evidence.read(path), path.name)


PARTS = {"parallel.jsonl": b'{"id": 1}\n', "controls.json": b"{}", "splits.json": b"[]"}


def test_what_was_written_is_read_and_only_its_owner_may(tmp_path: Path) -> None:
    path = tmp_path / "set.xfset"
    write_bundle(path, PARTS)
    assert read_bundle(path) == PARTS
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == evidence.pack(dict(reversed(PARTS.items())))


def make_zip(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as bundle:
        for name in names:
            bundle.writestr(name, b"{}")
    return path


@pytest.mark.parametrize("name", ["../escape.json", "/etc/passwd", "sub/a.json", "a.py", "A.json", ".hidden.json"])
def test_names_that_reach_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        read_bundle(make_zip(tmp_path / "a.xfset", name))
    assert caught.value.files == ("a.xfset",)


def test_two_parts_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        make_zip(tmp_path / "a.xfset", "a.json", "a.json")
    with pytest.raises(IntegrityError):
        read_bundle(tmp_path / "a.xfset")


def test_a_bundle_that_unpacks_to_more_than_it_states_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xfset"
    write_bundle(path, {"a.json": b"x" * 100_000})
    whole = path.read_bytes()
    path.write_bytes(whole.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(IntegrityError):
        read_bundle(path)


def test_a_bundle_that_is_too_large_unpacked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bundle(tmp_path / "a.xfset", {"a.json": b"x" * 100_000})
    monkeypatch.setattr(evidence, "MAX_BYTES", 99_999)
    with pytest.raises(IntegrityError):
        read_bundle(tmp_path / "a.xfset")


def test_every_changed_byte_is_an_error_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.xfset"
    write_bundle(path, PARTS)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            assert read_bundle(path).keys() <= PARTS.keys()
        except IntegrityError:
            continue


def test_no_bundle_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_bundle(tmp_path / "none.xfset")
    (tmp_path / "junk.xfset").write_text("junk")
    with pytest.raises(IntegrityError):
        read_bundle(tmp_path / "junk.xfset")
