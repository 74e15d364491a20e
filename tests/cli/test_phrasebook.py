"""``xlforget phrasebook``: what facts can be given by, for people and for programs."""

import json
import subprocess
import sys
from pathlib import Path

from xlforget.request.phrasebook import languages, names


def phrasebook(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xlforget", "phrasebook", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={"COLUMNS": "200", "PYTHONUTF8": "1"})


def test_it_lists_every_relation() -> None:
    done = phrasebook()
    assert done.returncode == 0
    assert all(name in done.stdout for name in names())
    assert "en es fr de pt ar hi zh" in done.stdout


def test_one_relation_with_every_wording() -> None:
    done = phrasebook("spouse")
    assert done.returncode == 0
    assert sum("│ hi" in line for line in done.stdout.splitlines()) >= 5


def test_json_has_all_wordings(tmp_path: Path) -> None:
    done = phrasebook("--json", "-")
    result = json.loads(done.stdout)
    assert done.stderr == ""
    assert result["languages"] == list(languages())
    assert [item["name"] for item in result["relations"]] == list(names())
    assert all(len(texts) >= 5 for item in result["relations"] for texts in item["example"].values())
    assert phrasebook("spouse", "--json", str(tmp_path / "one.json")).returncode == 0
    assert [item["name"] for item in json.loads((tmp_path / "one.json").read_text())["relations"]] == ["spouse"]


def test_an_unknown_relation_is_exit_2() -> None:
    done = phrasebook("no_such")
    assert (done.returncode, done.stdout) == (2, "")
    assert "`xlforget phrasebook` lists them" in done.stderr
