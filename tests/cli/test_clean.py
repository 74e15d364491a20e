"""`clean` removes what runs left beside OUT, and never OUT."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from xlforget.cli.app import app
from xlforget.cli.clean import leftovers
from xlforget.work import Work

RUNNER = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """OUT with everything that a run can leave beside it, and neighbours of similar names."""
    for name in ("model", ".model.work", "model.failed", ".model.staging-1", ".model2.work", "model2.failed", ".work"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    return tmp_path / "model"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.parent.iterdir()}


def test_only_leftovers_of_this_output_go(folder: Path) -> None:
    assert RUNNER.invoke(app, ["clean", str(folder), "--yes"]).exit_code == 0
    assert names(folder) == {"model", ".model2.work", "model2.failed", ".work"}
    assert (folder / "file").read_text() == "x"


@pytest.mark.parametrize(("answer", "gone"), [("n\n", False), ("\n", False), ("y\n", True)])
def test_it_asks_first(folder: Path, answer: str, gone: bool) -> None:
    done = RUNNER.invoke(app, ["clean", str(folder)], input=answer)
    assert done.exit_code == 0
    assert (".model.work" in names(folder)) != gone


def test_it_works_from_inside_and_with_a_slash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {".model.work", "model.failed", ".model.staging-1"}
    assert {path.name for path in leftovers(Path(f"{folder}/"))} == expected
    monkeypatch.chdir(folder)
    assert {path.name for path in leftovers(Path())} == expected


def test_a_link_is_removed_and_not_what_it_points_to(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "model.failed" / "file").unlink()
    (tmp_path / "model.failed").rmdir()
    (tmp_path / "model.failed").symlink_to(elsewhere)
    RUNNER.invoke(app, ["clean", str(folder), "--yes"])
    assert elsewhere.is_dir()
    assert "model.failed" not in names(folder)


def test_a_half_file_that_a_killed_run_was_writing_elsewhere_goes_too(tmp_path: Path) -> None:
    with Work(tmp_path / "model") as work:
        work.tie({}, fresh=False)
        work.claim(tmp_path / "elsewhere/a.xfset", "0" * 64)
    (tmp_path / "elsewhere").mkdir()
    for name in (".a.xfset.partial", "b"):
        (tmp_path / "elsewhere" / name).write_text("x")
    assert RUNNER.invoke(app, ["clean", str(tmp_path / "model"), "--yes"]).exit_code == 0
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["b"]
    assert not (tmp_path / ".model.work").exists()


def test_nothing_there(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["clean", str(tmp_path / "no" / "model")])
    assert (done.exit_code, done.stdout) == (0, "Nothing to remove.\n")
