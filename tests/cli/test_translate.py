"""``xlforget translate`` as it is typed: what it writes, what it asks, what it never prints."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import xlforget

ROWS = [
    {"id": "a", "lang": "en", "text": "Zorvana Quillfeather lives in the city of London.", "answer": "London"},
    {"id": "b", "lang": "en", "prompt": "The official language of Ghana is <mask>.", "answer": "English"},
    {"id": "c", "lang": "en", "text": "Tamsin Oxgrove sold the old house in Tarnwick."},
]
FRENCH = [
    {"id": "a", "texts": {"fr": "Zorvana Quillfeather habite dans la ville de Londres."}, "answers": {"fr": "Londres"}},
    {"id": "c", "texts": {"fr": "Tamsin Oxgrove a vendu la vieille maison à Tarnwick."}},
]
TEXTS = ("Zorvana", "Quillfeather", "London", "Londres", "Ghana", "Tarnwick", "Tamsin")


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write(tmp_path / "request.jsonl", ROWS)
    write(tmp_path / "french.jsonl", FRENCH)
    return tmp_path


def rows_of(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()[1:]]
    return {(row["id"], row["lang"]): row for row in rows}


def test_apertium_writes_a_private_set_and_prints_no_text(place: Path, needs_apertium: None) -> None:
    done = xlforget(
        "translate", "request.jsonl", "--languages", "en,es,ca", "--translator", "apertium", "-o", "p.jsonl", "--json", "c.json",
        "--debug", cwd=place,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (place / "p.jsonl").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in place.iterdir()) == ["c.json", "french.jsonl", "p.jsonl", "request.jsonl"]
    rows = rows_of(place / "p.jsonl")
    assert rows["a", "ca"]["answer"] == "Londres"
    assert rows["b", "es"]["status"] == "review"
    assert rows["c", "es"]["answer"] is None
    assert rows["a", "en"]["translator"]["backend"] == "given"
    assert "GPL" in done.stderr
    assert not any(text in done.stdout + done.stderr + (place / "c.json").read_text() for text in TEXTS)
    assert json.loads((place / "c.json").read_text())["languages"]["en"] == {"ok": 3, "warn": 0, "review": 0, "fail": 0}


def test_own_translations_are_taken_and_what_they_lack_is_said(place: Path) -> None:
    done = xlforget(
        "translate", "request.jsonl", "--languages", "en,fr", "--translations", "french.jsonl", "-o", "p.jsonl", cwd=place
    )
    assert done.returncode == 0, done.stderr
    rows = rows_of(place / "p.jsonl")
    assert (rows["a", "fr"]["status"], rows["a", "fr"]["translator"]["backend"]) == ("ok", "file")
    assert rows["b", "fr"]["status"] == "fail"
    assert "not in the given translations" in done.stdout


def test_a_person_decides_row_by_row_and_may_stop_at_any(place: Path) -> None:
    xlforget("translate", "request.jsonl", "--languages", "en,fr", "--translations", "french.jsonl", "-o", "p.jsonl", cwd=place)
    text = "La langue officielle du Ghana est "
    typed = f"a\ne\n{text}le français.\nanglais\ne\n{text}l'anglais.\nanglais\n"
    done = xlforget("translate", "--review", "p.jsonl", cwd=place, typed=typed)
    assert done.returncode == 0, done.stderr
    assert "no place" in done.stdout
    assert "Nothing was changed" in done.stdout
    assert "Every row is decided" in done.stdout
    row = rows_of(place / "p.jsonl")["b", "fr"]
    assert (row["status"], row["decision"], row["answer"]) == ("ok", "edited", "anglais")
    assert (place / "p.jsonl").stat().st_mode & 0o777 == 0o600


def test_each_decision_is_on_disk_before_the_next(place: Path) -> None:
    xlforget(
        "translate", "request.jsonl", "--languages", "en,fr,de", "--translations", "french.jsonl", "-o", "p.jsonl", cwd=place
    )
    before = rows_of(place / "p.jsonl")
    done = xlforget("translate", "--review", "p.jsonl", cwd=place, typed="s\nd\n")
    assert done.returncode == 2
    assert "not answered" in done.stderr
    after = rows_of(place / "p.jsonl")
    changed = [key for key in after if after[key] != before[key]]
    assert [after[key]["decision"] for key in changed] == ["dropped"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("request.jsonl", "--languages", "en,fr", "--translator", "babel", "-o", "p.jsonl"), "Unknown translator"),
        (("request.jsonl", "--languages", "en,fr", "--translator", "file", "-o", "p.jsonl"), "--translations"),
        (("request.jsonl", "--languages", "en,xx-yy-zz", "-o", "p.jsonl"), "language"),
        (("request.jsonl",), "-o FILE"),
        (("request.jsonl", "--languages", "en", "-o", "french.jsonl"), "already exists"),
        (("request.jsonl", "--review", "french.jsonl"), "no request"),
        (("--review", "french.jsonl"), "line 1"),
        (("request.jsonl", "--languages", "en,fr", "--translations", "no.tmx", "-o", "p.jsonl"), "cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_exit_2_and_says_what_to_do(place: Path, args: tuple[str, ...], said: str) -> None:
    done = xlforget("translate", *args, cwd=place)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert not any(text in done.stderr for text in TEXTS)
    assert not (place / "p.jsonl").exists()


def test_a_language_that_apertium_lacks_is_said_at_once(place: Path, needs_apertium: None) -> None:
    done = xlforget(
        "translate", "request.jsonl", "--languages", "en,es,hi,ja", "--translator", "apertium", "-o", "p.jsonl", cwd=place
    )
    assert done.returncode == 2
    assert "hi, ja" in done.stderr


def test_help_has_examples_and_needs_no_torch() -> None:
    show = "import sys; from xlforget.cli.app import main\ntry: main(['translate', '--help'])\n"
    code = f"{show}finally: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "xlforget translate request.jsonl" in done.stdout
    assert done.stdout.strip().endswith("False")


def test_the_model_that_is_to_forget_translates_and_the_checks_say_what_it_is_worth(place: Path) -> None:
    from xlforget.experiments.small_model import new_model, train_tokenizer

    tokenizer = train_tokenizer([*TEXTS, "English French Spanish"] * 3, 400)
    new_model(tokenizer, layers=1, width=64, context=512).save_pretrained(place / "model")
    tokenizer.save_pretrained(place / "model")
    command = ("translate", "request.jsonl", "--languages", "en,fr", "--translator", "self", "-o", "p.jsonl")
    assert xlforget(*command, cwd=place).returncode == 2
    done = xlforget(*command, "--translator-model", "model", cwd=place)
    assert done.returncode == 0, done.stderr
    rows = [row for key, row in rows_of(place / "p.jsonl").items() if row["lang"] == "fr"]
    assert rows
    assert {row["status"] for row in rows} <= {"review", "fail"}
    assert not any(text in done.stdout + done.stderr for text in TEXTS)
