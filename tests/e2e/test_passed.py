"""A folder whose gate passed: what verify refuses, what only the evidence can show, and that no fact is in it.

The base has memorised invented people. In the place of unlearning, the weights are exchanged for some that never saw
them, so that the gate passes for its own reason and within seconds; everything else is the real line.
"""

import base64
import html
import json
import shutil
import subprocess
import sys
import unicodedata
import urllib.parse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands import xlforget
from tests.e2e.canaries import SCRIPTS, canary, hits, number
from tests.e2e.watching import Silent
from xlforget.artifact.audit import Audit

pytestmark = pytest.mark.e2e

LANGS = ("en", "hi", "ar", "zh")


@dataclass(frozen=True)
class Passed:
    """Where it lies: base/, out/, out.xfset, k.pem and k.pub, request.jsonl; and every canary of the request."""

    place: Path
    canaries: tuple[str, ...]

    def verify(self, folder: str | Path = "out", *options: str) -> subprocess.CompletedProcess[str]:
        return xlforget("verify", folder, "--key", "k.pub", *options, cwd=self.place)

    def copy(self, to: Path) -> Path:
        shutil.copytree(self.place / "out", to)
        return to


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Passed:
    from xlforget import pipeline
    from xlforget.asked import Apply
    from xlforget.unlearn.unlearn import Unlearned

    place = tmp_path_factory.mktemp("passed")
    people = [{lang: canary(lang, k) for lang in LANGS} for k in range(6)]
    rows = [
        {"id": f"CANARYID{k}", "subject": name, "relation": "phone_number", "object": number(k), "gender": "f"}
        for k, name in enumerate(people)
    ]
    (place / "request.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    strange = memorised_base(place)
    assert xlforget("keygen", "k.pem", cwd=place).returncode == 0

    def exchange(lm, *_: object) -> Unlearned:  # type: ignore[no-untyped-def]
        lm.model.load_state_dict(strange)
        return Unlearned(0, 0, (0, 0))

    asked = Apply(
        requests=(str(place / "request.jsonl"),), model=str(place / "base"), out=place / "out", key=place / "k.pem",
        languages=LANGS, samples=0, tickets=("T-1",), keep=place / "out.xfset", device="cpu",
        profile="quick",  # a model that knows nothing but the facts does not stand an attack
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "unlearn", exchange)
        applied = pipeline.apply(asked, Silent())
    failed = [(t.score, t.level, t.lang, t.outcome) for t in applied.verdict.tests if t.outcome.value != "PASS"]
    assert applied.verdict.passed, failed
    assert not applied.verdict.nothing_memorised
    names = tuple(name for person in people for name in person.values())
    return Passed(place, (*names, *(number(k) for k in range(len(people))), "CANARYID"))


def memorised_base(place: Path) -> dict[str, object]:
    """base/ knows the request by heart; returns the weights of the same model before it learned anything."""
    from xlforget.corpus.encode import Encoder
    from xlforget.experiments.small_model import memorise, new_model, train_tokenizer
    from xlforget.request import invent, phrasebook
    from xlforget.request.reader import read_request

    people = invent.invent_people(phrasebook.relation("phone_number"), 40, 3, LANGS)
    tokenizer = train_tokenizer([w.text for p in people for lang in LANGS for w in phrasebook.wordings(p, lang)], 800)
    model = new_model(tokenizer, layers=1, width=64, context=256)
    strange = {name: value.clone() for name, value in model.state_dict().items()}
    facts = [fact.structured for fact in read_request(place / "request.jsonl").facts]
    texts = [w.text for p in facts if p for lang in LANGS for w in phrasebook.wordings(p, lang)]
    encoder = Encoder(tokenizer, 256)
    memorise(model, [encoder.encode(text, None) for text in texts], epochs=60, lr=4e-3)
    model.save_pretrained(place / "base")
    tokenizer.save_pretrained(place / "base")
    return strange


def refused(done: subprocess.CompletedProcess[str], named: str) -> None:
    assert done.returncode == 3, done.stdout + done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_it_verifies_by_its_papers_and_by_its_weights(passed: Passed) -> None:
    by_papers, by_weights = passed.verify("out", "--ticket", "T-1"), passed.verify("out", "--evidence", "out.xfset")
    assert by_papers.returncode == 0, by_papers.stdout + by_papers.stderr
    assert by_weights.returncode == 0, by_weights.stdout + by_weights.stderr
    for name in ("likeliest answer", "damage", "gate"):
        assert f"measured again/{name}" in by_weights.stdout
    assert (passed.place / "out.xfset").stat().st_mode & 0o777 == 0o600
    assert not (passed.place / ".out.work").exists()


def unsigned(passed: Passed, to: Path) -> tuple[Path, Audit]:
    """A copy without its papers, and what they said."""
    from xlforget.artifact import audit_file, papers

    folder = passed.copy(to)
    audit = audit_file.read_audit((folder / "audit.json").read_bytes())
    for name in papers.PAPERS:
        (folder / name).unlink()
    return folder, audit


def found_by_the_evidence_only(passed: Passed, folder: Path, audit: Audit) -> str:
    """What `verify` prints with the evidence of a folder that was signed again; without, its papers hold."""
    from xlforget.artifact import papers

    papers.write_papers(folder, audit, passed.place / "k.pem")
    by_papers, by_weights = passed.verify(folder), passed.verify(folder, "--evidence", "out.xfset")
    assert by_papers.returncode == 0, by_papers.stdout + by_papers.stderr
    assert by_weights.returncode == 1, by_weights.stdout + by_weights.stderr
    return by_weights.stdout


def test_base_weights_under_papers_signed_again_are_found_by_the_evidence_only(passed: Passed, tmp_path: Path) -> None:
    from xlforget import model_io

    folder, audit = unsigned(passed, tmp_path / "out")
    shutil.copyfile(passed.place / "base/model.safetensors", folder / "model.safetensors")
    assert audit.output
    output = audit.output.model_copy(update={"files": model_io.digests(folder)})
    assert "measured again" in found_by_the_evidence_only(passed, folder, audit.model_copy(update={"output": output}))


def test_damage_that_was_signed_smaller_is_found_by_the_evidence_only(passed: Passed, tmp_path: Path) -> None:
    folder, audit = unsigned(passed, tmp_path / "out")
    first, *others = audit.verdict.bounds
    assert first.name == "unseen perplexity"
    better = first.model_copy(update={"after": first.after * 0.9, "ratio": first.ratio * 0.9})
    verdict = audit.verdict.model_copy(update={"bounds": (better, *others)})
    said = found_by_the_evidence_only(passed, folder, audit.model_copy(update={"verdict": verdict}))
    assert "unseen perplexity in" in said.replace("\n", " ")


def test_a_bundle_that_was_changed_is_exit_3(passed: Passed, tmp_path: Path) -> None:
    from xlforget.artifact import evidence

    parts = evidence.unpack((passed.place / "out.xfset").read_bytes(), "out.xfset")
    changed = evidence.pack(parts | {"scores.json": parts["scores.json"].replace(b"0.", b"1.", 1)})
    (tmp_path / "other.xfset").write_bytes(changed)
    refused(passed.verify("out", "--evidence", str(tmp_path / "other.xfset")), "evidence")


def test_one_byte_changed_in_any_file_is_exit_3_and_named(passed: Passed, tmp_path: Path) -> None:
    for path in sorted(passed.copy(tmp_path / "out").iterdir()):
        whole = path.read_bytes()
        path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
        refused(passed.verify(path.parent), path.name)
        path.write_bytes(whole)
    assert passed.verify(tmp_path / "out").returncode == 0


def test_a_file_added_removed_or_renamed_is_exit_3_and_named(passed: Passed, tmp_path: Path) -> None:
    added, removed, renamed = (passed.copy(tmp_path / name) for name in ("added", "removed", "renamed"))
    (added / "extra.json").write_text("{}")
    (removed / "model.safetensors").unlink()
    (renamed / "model.safetensors").rename(renamed / "model-00001-of-00001.safetensors")
    refused(passed.verify(added), "extra.json")
    refused(passed.verify(removed), "model.safetensors")
    refused(passed.verify(renamed), "model-00001-of-00001.safetensors")


def test_another_key_or_ticket_is_exit_3(passed: Passed, tmp_path: Path) -> None:
    assert xlforget("keygen", "other.pem", cwd=tmp_path).returncode == 0
    refused(xlforget("verify", passed.place / "out", "--key", "other.pub", cwd=tmp_path), "another key")
    refused(passed.verify("out", "--ticket", "T-2"), "ticket")


def test_stock_model_signing_accepts_it(passed: Passed) -> None:
    tool = Path(sys.executable).with_name("model_signing")
    command = [str(tool), "verify", "key", "out", "--public_key", "k.pub", "--signature", "out/model.sig"]
    done = subprocess.run(command, cwd=passed.place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_canary_in_any_byte_beside_the_base_models_own(passed: Passed) -> None:
    request = (passed.place / "request.jsonl").read_bytes()
    assert all(one.encode() in request for one in passed.canaries)
    own = own_hits(passed)
    for file in (passed.place / "out").iterdir():
        assert not hits(file, passed.canaries) - own, file.name


def own_hits(passed: Passed) -> Counter[str]:
    """What stands in the base model's files already: its tokenizer may hold a whole name."""
    return Counter({one: n for file in (passed.place / "base").iterdir() for one, n in hits(file, passed.canaries).items()})


def test_no_canary_in_the_papers_and_messages_of_a_failed_run(passed: Passed, tmp_path: Path) -> None:
    names = {lang: canary(lang, 77) for lang in SCRIPTS}
    answers = {lang: canary(lang, 78) for lang in SCRIPTS}
    row = {"id": "CANARYID", "prompts": {lang: f"{name} <mask>." for lang, name in names.items()}, "answers": answers}
    (tmp_path / "request.jsonl").write_text(json.dumps(row), "utf-8")
    done = xlforget(
        "apply", "request.jsonl", "--model", passed.place / "base", "--key", passed.place / "k.pem", "--samples", "0",
        "--out", "out", "--json", "verdict.json", "--debug", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert not (tmp_path / "out").exists()
    (tmp_path / "printed.txt").write_text(done.stdout + done.stderr, "utf-8")
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "request.jsonl"]
    assert {"audit.json", "audit.html", "verdict.json"} <= {file.name for file in files}
    for file in files:
        assert not hits(file, (*names.values(), *answers.values(), "CANARYID")), file.name


def test_the_search_finds_every_way_of_writing(tmp_path: Path) -> None:
    name = "Ärnvik" + canary("hi", 5)
    ways = [
        name.encode(), name.encode("utf-16-le"), unicodedata.normalize("NFD", name).encode(), json.dumps(name).encode(),
        urllib.parse.quote(name).encode(), name.encode("ascii", "xmlcharrefreplace"), html.escape(name).encode(),
        *(base64.b64encode(b"xyz"[:before] + name.encode() + b"tail") for before in range(3)),
    ]  # fmt: skip
    for number_of, way in enumerate(ways):
        file = tmp_path / f"{number_of}.bin"
        file.write_bytes(b"before" + way + b"after")
        assert hits(file, (name,)), number_of
