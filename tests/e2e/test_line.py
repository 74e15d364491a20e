"""The real commands, from request to verified folder, on a model that never saw the facts: quick, and signed all the same."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.commands import started, xlforget

pytestmark = pytest.mark.e2e

CANARIES = ("Zorvanaquillfe Tharnwickle", "+44 7700 90012345", "ज़ोरवानाक्विलफ़ेदर", "زورفاناكويلفيذر", "佐尔瓦纳奎尔费瑟托恩威克")


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights, a request full of canaries, a key pair."""
    from xlforget.experiments.small_model import new_model, train_tokenizer
    from xlforget.request import invent, phrasebook

    where = tmp_path_factory.mktemp("line")
    people = invent.invent_people(phrasebook.relation("phone_number"), 40, 3, ("en", "hi", "ar", "zh"))
    texts = [w.text for p in people for lang in ("en", "hi", "ar", "zh") for w in phrasebook.wordings(p, lang)]
    tokenizer = train_tokenizer(texts, 800)
    new_model(tokenizer, layers=1, width=64, context=256).save_pretrained(where / "model")
    tokenizer.save_pretrained(where / "model")
    name = {"en": CANARIES[0], "hi": CANARIES[2], "ar": CANARIES[3], "zh": CANARIES[4]}
    rows = [
        {"id": f"CANARYID{k}XQ", "subject": name, "relation": "phone_number", "object": f"{CANARIES[1]}{k}", "gender": "f"}
        for k in range(4)
    ]
    # One is named by its aliases in the other scripts.
    rows[3] |= {"subject": name["en"], "aliases": {lang: [name[lang]] for lang in ("hi", "ar", "zh")}}
    (where / "request.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    assert xlforget("keygen", "k.pem", cwd=where).returncode == 0
    return where


@pytest.fixture(scope="session")
def applied(place: Path) -> subprocess.CompletedProcess[str]:
    done = started(
        "apply", "request.jsonl", "--model", "model", "--languages", "en,hi,ar,zh", "--key", "k.pem", "--samples", "0",
        "--ticket", "T-1", "--out", "out", "--keep", "out.xfset", cwd=place,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_model_that_never_knew_the_facts_gets_a_signed_report_and_no_weights(place: Path, applied: object) -> None:
    audit = json.loads((place / "out/audit.json").read_text())
    assert audit["result"] == "nothing memorised"
    assert not list((place / "out").glob("*.safetensors"))
    assert started("verify", "out", "--key", "k.pub", "--ticket", "T-1", cwd=place).returncode == 0
    assert started("verify", "out", "--key", "k.pub", "--evidence", "out.xfset", cwd=place).returncode == 0
    assert not (place / ".out.work").exists()


def test_bad_requests_options_and_languages_are_exit_2(place: Path) -> None:
    base = ("apply", "request.jsonl", "--model", "model", "--out", "never")
    without_key = xlforget(*base, cwd=place)
    assert without_key.returncode == 2
    assert "keygen" in without_key.stderr
    missing = xlforget(*base, "--key", "k.pem", "--languages", "en,ja", cwd=place)
    assert missing.returncode == 2
    assert "ja" in missing.stderr
    (place / "bad.jsonl").write_text('{"id": 1}\nnot json\n')
    bad = xlforget("check", "bad.jsonl", cwd=place)
    assert bad.returncode == 2
    assert "line 1" in bad.stdout + bad.stderr
    assert "line 2" in bad.stdout + bad.stderr
    assert not (place / "never").exists()


def test_dry_run_shows_the_plan_and_leaves_nothing(place: Path) -> None:
    before = sorted(path.name for path in place.iterdir())
    command = ("apply", "request.jsonl", "--model", "model", "--languages", "en,hi", "--out", "dry", "--dry-run")
    done = xlforget(*command, "--json", "-", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "one cycle; up to four" in done.stderr
    found = json.loads(done.stdout)
    assert [row["language"] for row in found["languages"]] == ["en", "hi"]
    assert found["memory"]["peak"] > found["memory"]["weights"] > 0
    assert found["seconds"]["one_cycle"] > 0
    assert sorted(path.name for path in place.iterdir()) == before


def test_text_facts_without_unseen_text_are_no_signal_and_never_pass(place: Path) -> None:
    (place / "text.jsonl").write_text(
        json.dumps({"id": "T", "lang": "en", "prompt": "Tamsin Oxgrove lives in <mask>.", "answer": "Quarn"})
    )
    done = xlforget("apply", "text.jsonl", "--model", "model", "--key", "k.pem", "--samples", "0", "--out", "text", cwd=place)
    assert done.returncode == 1, done.stderr
    assert "NO SIGNAL" in done.stdout
    assert not (place / "text").exists()
    assert xlforget("verify", "text.failed", "--key", "k.pub", cwd=place).returncode == 1
