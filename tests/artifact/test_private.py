"""Files with personal data: whole or not there, and for their owner only."""

from pathlib import Path

import pytest

from xlforget.artifact import private
from xlforget.artifact.private import write_private
from xlforget.errors import UsageError


def test_only_the_owner_may_read_it_and_it_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a"
    write_private(path, b"1")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError):
        write_private(path, b"2")
    write_private(path, b"2", overwrite=True)
    assert path.read_bytes() == b"2"
    assert [entry.name for entry in path.parent.iterdir()] == ["a"]


def test_what_a_killed_run_left_is_replaced_and_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    private.partial(tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    write_private(tmp_path / "a", b"1")
    assert (tmp_path / "elsewhere").read_bytes() == b"theirs"
    assert {entry.name for entry in tmp_path.iterdir()} == {"a", "elsewhere"}


def test_nothing_is_left_where_it_cannot_be_put_in_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(tmp_path / "a", b"1", overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
