"""The work folder: private, for one run at a time, and only for what was asked."""

import contextlib
import os
import resource
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from xlforget.errors import MachineError, UsageError
from xlforget.work import Work, claims, temporary_files

ASKED = {"request": "abc", "seed": 1}


@contextlib.contextmanager
def opened(out: Path, asked: Mapping[str, Any] = ASKED, *, fresh: bool = False) -> Iterator[Work]:
    with Work(out) as work:
        work.tie(asked, fresh=fresh)
        yield work


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_lies_beside_the_output_and_only_its_owner_may_look(tmp_path: Path) -> None:
    with Work(tmp_path / "deep" / "out") as work:
        assert work.folder == tmp_path / "deep" / ".out.work"
        assert stat.S_IMODE(work.folder.stat().st_mode) == 0o700


def test_a_second_run_is_refused_while_the_first_is_at_work(tmp_path: Path) -> None:
    with opened(tmp_path / "out"):
        with pytest.raises(MachineError) as caught:
            Work(tmp_path / "out")
        assert caught.value.code == "LOCKED"
        with Work(tmp_path / "other"):
            pass
    with opened(tmp_path / "out"):
        pass


def test_a_run_that_never_began_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bad request"), Work(tmp_path / "out"):
        raise ValueError("bad request")
    assert names(tmp_path) == set()


def test_temporary_files_and_caches_lie_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    monkeypatch.delenv("HF_DATASETS_CACHE", raising=False)
    with opened(tmp_path / "out") as work:
        assert Path(tempfile.mkdtemp()).is_relative_to(work.folder)
        assert {os.environ[name] for name in ("TMPDIR", "HF_DATASETS_CACHE")} == {str(work.path("tmp"))}
    assert os.environ["TMPDIR"] == "/elsewhere"
    assert "HF_DATASETS_CACHE" not in os.environ


def test_a_crash_writes_no_dump(tmp_path: Path) -> None:
    with opened(tmp_path / "out"):
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0


def test_the_same_question_goes_on_and_another_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with opened(tmp_path / "out") as work:
        work.put("base.json", b"measured")
    with opened(tmp_path / "out", dict(reversed(ASKED.items()))) as work:
        assert work.get("base.json") == b"measured"
    with pytest.raises(UsageError) as caught, opened(tmp_path / "out", ASKED | {"seed": 2}):
        pass
    assert "--fresh" in caught.value.do
    assert caught.value.code == "WORK_FOLDER"


def test_fresh_empties_the_folder_and_takes_the_new_question(tmp_path: Path) -> None:
    with opened(tmp_path / "out") as work:
        work.put("base.json", b"measured")
        (work.fresh("checkpoint") / "state").write_text("x")
    with opened(tmp_path / "out", ASKED | {"seed": 2}, fresh=True) as work:
        assert work.get("base.json") is None
        assert not work.path("checkpoint").exists()
    with opened(tmp_path / "out", ASKED | {"seed": 2}):
        pass


def test_a_refused_run_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    with opened(tmp_path / "out") as work:
        work.put("base.json", b"measured")
    with pytest.raises(UsageError), opened(tmp_path / "out", {}):
        pass
    with opened(tmp_path / "out") as work:
        assert work.get("base.json") == b"measured"


@pytest.mark.parametrize("note", [b"", b"[", b"[]", b'{"digest": 1}'])
def test_files_of_a_run_whose_note_is_not_whole_are_nobodys(tmp_path: Path, note: bytes) -> None:
    with opened(tmp_path / "out") as work:
        work.put("base.json", b"measured")
        work.path("asked.json").write_bytes(note)
    with opened(tmp_path / "out", ASKED | {"seed": 2}) as work:
        assert work.get("base.json") is None


def test_what_a_run_claimed_is_known_to_the_one_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(Path("out")) as work:
        work.claim(Path("kept"), "abc")
    assert claims(Path("out")) == {str(tmp_path / "kept"): "abc"}
    with opened(tmp_path / "out") as work:
        assert work.claimed(tmp_path / "kept") == "abc"
        assert work.claimed(tmp_path / "other") is None
    with opened(tmp_path / "out", ASKED | {"seed": 2}, fresh=True) as work:
        assert work.claimed(tmp_path / "kept") is None


def test_files_appear_whole_and_the_folder_goes_at_the_end(tmp_path: Path) -> None:
    with opened(tmp_path / "out") as work:
        work.put("a", b"1")
        work.put("a", b"2")
        assert work.get("a") == b"2"
        assert not list(work.folder.glob("*.part"))
        assert work.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(MachineError) as caught:
        Work(Path("/proc/no/out"))
    assert caught.value.code == "NOT_WRITABLE"


def refused(out: Path, error: Exception) -> None:
    with opened(out) as work:
        work.put("parallel.jsonl", b"personal data")
        raise error


def test_what_was_refused_leaves_nothing_and_what_died_or_belongs_to_another_run_stays(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        refused(tmp_path / "out", UsageError("a translation is missing"))
    assert names(tmp_path) == set()
    with pytest.raises(MachineError):
        refused(tmp_path / "out", MachineError("no memory"))
    with pytest.raises(UsageError), opened(tmp_path / "out", ASKED | {"seed": 2}):
        raise AssertionError("not reached")
    assert (tmp_path / ".out.work/parallel.jsonl").exists()


def test_what_was_trained_stays_when_the_same_run_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "out") as work:
        work.put("made.json", b"hours of work")
    with pytest.raises(UsageError):
        refused(tmp_path / "out", UsageError("a row is undecided"))
    assert (tmp_path / ".out.work/made.json").exists()


def test_what_leaves_nothing_has_its_temporary_files_in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    with temporary_files():
        with tempfile.NamedTemporaryFile(delete=False) as file:
            place = Path(file.name).parent
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert os.environ["HF_DATASETS_CACHE"] == str(place)
    assert not place.exists()
    assert os.environ["TMPDIR"] == "/elsewhere"
