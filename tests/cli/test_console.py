"""JSON output and the streams that tables go to."""

import json
from pathlib import Path

import pytest

from xlforget.cli.console import err, out, tables, write_json
from xlforget.measure.verdict import Bound, Outcome

BOUND = Bound(
    check="damage", name="Überprüfung", lang="hi", before=1.0, after=0.99, ratio=0.99, bound=0.98,
    direction="at least", required=True, outcome=Outcome.PASS,
)  # fmt: skip


def test_json_on_stdout_is_alone_there(capsys: pytest.CaptureFixture[str]) -> None:
    tables("-").print("a table")
    write_json("-", BOUND)
    said = capsys.readouterr()
    assert json.loads(said.out) == BOUND.model_dump(mode="json")
    assert said.err == "a table\n"


def test_tables_are_on_stdout_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    tables(None).print("[first] table")
    tables("verdict.json").print("second")
    assert capsys.readouterr().out == "[first] table\nsecond\n"


def test_json_file_is_utf8_as_written(tmp_path: Path) -> None:
    write_json(str(tmp_path / "verdict.json"), {"name": "हिन्दी"})
    assert "हिन्दी" in (tmp_path / "verdict.json").read_text("utf-8")


def test_no_nan_leaves_as_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json("-", {"p": float("nan")})


def test_a_pipe_gets_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    out.print("plain", style="bold red")
    err.print("plain", style="bold red")
    assert capsys.readouterr() == ("plain\n", "plain\n")
