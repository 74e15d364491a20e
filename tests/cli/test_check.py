"""``xlforget check``: what is wrong by line, what there is in figures, and never a word of a fact."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CANARY = "Zq7xKv2mWp9rLt"
GOOD = {"id": "a", "lang": "en", "text": f"{CANARY} lives in Tarnwick.", "answer": "Tarnwick"}
NAMED = {"id": "b", "subject": CANARY, "relation": "phone_number", "object": "+44 7700 900123"}


def check(*args: str, rows: list[dict[str, Any]] | None = None) -> subprocess.CompletedProcess[str]:
    given = "\n".join(json.dumps(row) for row in rows or [])
    command = [sys.executable, "-m", "xlforget", "check", *args]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)
    assert CANARY not in done.stdout + done.stderr
    return done


def test_a_good_request(tmp_path: Path) -> None:
    done = check("-", "--json", str(tmp_path / "result.json"), rows=[GOOD, NAMED])
    assert (done.returncode, done.stderr) == (0, "")
    assert "The request is valid. Facts: 2" in done.stdout
    assert "line 2: not in hi: the subject is not given in this language's script [script]" in done.stdout
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["ok"], result["facts"], result["given"]) == (True, 2, {"en": 1})
    assert CANARY not in json.dumps(result)


@pytest.mark.parametrize("args", [[], ["--json", "-"]])
def test_a_bad_request_is_exit_2_with_every_line(args: list[str]) -> None:
    done = check("-", *args, rows=[GOOD | {"answer": CANARY * 2}, GOOD | {CANARY: 1}, GOOD | {"lang": CANARY}])
    assert done.returncode == 2
    for line, code in ((1, "ANSWER_NOT_IN_TEXT"), (2, "DUPLICATE_ID"), (2, "UNKNOWN_KEY"), (3, "UNKNOWN_LANGUAGE")):
        assert any(text.startswith(f"  line {line}:") and code in text for text in done.stderr.splitlines())
    if args:
        result = json.loads(done.stdout)
        assert result["ok"] is False
        assert result["problems"][0]["code"] == "ANSWER_NOT_IN_TEXT"
    else:
        assert done.stdout == ""


def test_json_on_stdout_is_alone_there() -> None:
    done = check("-", "--json", "-", rows=[GOOD])
    assert json.loads(done.stdout)["ok"] is True
    assert "The request is valid" in done.stderr


def test_a_file_that_is_not_there() -> None:
    done = check("absent.jsonl")
    assert done.returncode == 2
    assert "NO_FILE" in done.stderr
