"""The output folder exists whole or not at all, whatever happens while it is written."""

import errno
from pathlib import Path

import pytest

from xlforget.artifact.folder import check_target, digests, need_bytes, output_folder, remove_stale, staging_prefix
from xlforget.errors import IntegrityError, MachineError, UsageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_appears_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"
    with output_folder(target) as staging:
        (staging / "audit.json").write_text("1")
        assert staging.name == "out"
        assert not target.exists()
        inode = staging.stat().st_ino
    assert target.stat().st_ino == inode, "moved in one step, not copied"
    assert names(target) == ["audit.json"]
    assert names(target.parent) == ["out"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_when_it_does_not_end_well(tmp_path: Path, error: type[BaseException]) -> None:
    def write(staging: Path) -> None:
        (staging / "model.safetensors").write_text("x")
        raise error

    with pytest.raises(error), output_folder(tmp_path / "out") as staging:
        write(staging)
    assert names(tmp_path) == []


def test_overwriting_exchanges_and_a_failure_keeps_the_old(tmp_path: Path) -> None:
    target = tmp_path / "out"
    for content in ("one", "two"):
        with output_folder(target, overwrite=True) as staging:
            (staging / "audit.json").write_text(content)
    with pytest.raises(ValueError, match="late"), output_folder(target, overwrite=True):
        raise ValueError("late")
    assert (target / "audit.json").read_text() == "two"
    assert names(tmp_path) == ["out"]


def test_what_exists_is_not_overwritten_unasked_nor_if_it_is_not_ours(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.txt").write_text("years of work")
    for overwrite, code in ((False, "OUT_EXISTS"), (True, "OUT_FOREIGN")):
        with pytest.raises(UsageError) as caught:
            check_target(target, overwrite=overwrite)
        assert (caught.value.code, caught.value.exit_code) == (code, 2)
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(UsageError):
        check_target(tmp_path / "link", overwrite=True)


def test_too_little_disk_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(MachineError) as caught, output_folder(tmp_path / "out", need=need_bytes(1 << 60)):
        raise AssertionError("not reached")
    assert (caught.value.code, caught.value.exit_code) == ("NO_SPACE", 4)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), RuntimeError("I/O error: No space left on device (os error 28)")]
)
def test_a_disk_that_fills_up_is_the_machines_fault(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(MachineError) as caught, output_folder(tmp_path / "out"):
        raise error
    assert caught.value.code == "NO_SPACE"
    assert names(tmp_path) == []


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    left, other = (tmp_path / f"{staging_prefix(tmp_path / name)}x" for name in ("out", "other"))
    left.mkdir()
    other.mkdir()
    with output_folder(tmp_path / "out") as staging:
        assert not left.exists()
        remove_stale(tmp_path / "out")
        assert staging.exists()
    assert names(tmp_path) == [other.name, "out"]


def test_digests_name_files_in_folders_and_refuse_links(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.json").write_text("1")
    assert digests(tmp_path) == {"sub/a.json": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"}
    (tmp_path / "b.json").symlink_to("sub/a.json")
    with pytest.raises(IntegrityError):
        digests(tmp_path)
