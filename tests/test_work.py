"""The work folder: private, for one run at a time, and only for what was asked."""

import stat
from pathlib import Path

import pytest

from xlforget.errors import MachineError, UsageError
from xlforget.work import Work

ASKED = {"request": "abc", "seed": 1}


def test_it_lies_beside_the_output_and_only_its_owner_may_look(tmp_path: Path) -> None:
    with Work(tmp_path / "deep" / "out", ASKED, fresh=False) as work:
        assert work.folder == tmp_path / "deep" / ".out.work"
        assert stat.S_IMODE(work.folder.stat().st_mode) == 0o700


def test_a_second_run_is_refused_while_the_first_is_at_work(tmp_path: Path) -> None:
    with Work(tmp_path / "out", ASKED, fresh=False):
        with pytest.raises(MachineError) as caught:
            Work(tmp_path / "out", ASKED, fresh=True)
        assert caught.value.code == "LOCKED"
        Work(tmp_path / "other", ASKED, fresh=False).__exit__()
    with Work(tmp_path / "out", ASKED, fresh=False):
        pass


def test_the_same_question_goes_on_and_another_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with Work(tmp_path / "out", ASKED, fresh=False) as work:
        work.put("base.json", b"measured")
    with Work(tmp_path / "out", dict(reversed(ASKED.items())), fresh=False) as work:
        assert work.get("base.json") == b"measured"
    with pytest.raises(UsageError) as caught:
        Work(tmp_path / "out", ASKED | {"seed": 2}, fresh=False)
    assert "--fresh" in caught.value.do
    assert caught.value.code == "WORK_FOLDER"


def test_fresh_empties_the_folder_and_takes_the_new_question(tmp_path: Path) -> None:
    with Work(tmp_path / "out", ASKED, fresh=False) as work:
        work.put("base.json", b"measured")
        (work.fresh("checkpoint") / "state").write_text("x")
    with Work(tmp_path / "out", ASKED | {"seed": 2}, fresh=True) as work:
        assert work.get("base.json") is None
        assert not work.path("checkpoint").exists()
    with Work(tmp_path / "out", ASKED | {"seed": 2}, fresh=False):
        pass


def test_a_refused_run_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    with Work(tmp_path / "out", ASKED, fresh=False) as work:
        work.put("base.json", b"measured")
    with pytest.raises(UsageError):
        Work(tmp_path / "out", {}, fresh=False)
    with Work(tmp_path / "out", ASKED, fresh=False) as work:
        assert work.get("base.json") == b"measured"


def test_files_appear_whole_and_the_folder_goes_at_the_end(tmp_path: Path) -> None:
    with Work(tmp_path / "out", ASKED, fresh=False) as work:
        work.put("a", b"1")
        work.put("a", b"2")
        assert work.get("a") == b"2"
        assert not list(work.folder.glob("*.part"))
        assert work.remove()
    assert list(tmp_path.iterdir()) == []
