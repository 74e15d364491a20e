"""`xlforget measure`: what a model knows before anything is done, and the gate on models that anybody made."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.commands import xlforget
from tests.e2e.conftest import FACTS, KNOWN, LANGS, Ended, Server, invented, records

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def passed(server: Server) -> Iterator[Server]:
    """``out``, which `apply` wrote, and ``foreign``: its files as another tool would have written them, without papers."""
    from xlforget.artifact.papers import PAPERS

    done = server.run(server.apply("--profile", "standard"))
    assert done.code == 0, done.log
    shutil.copytree(server.place / "out", server.place / "foreign", ignore=shutil.ignore_patterns(*PAPERS))
    rows = records()[FACTS + KNOWN :][:FACTS]
    (server.place / "strangers.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    yield server
    server.clear()


def measure(here: Server, model: str, *more: str, request: str = "request.jsonl") -> tuple[Ended, dict[str, Any]]:
    command = ["measure", request, "--model", model, "--languages", ",".join(LANGS), "--json", "found.json", *more]
    (here.place / "found.json").unlink(missing_ok=True)
    ended = here.run(command)
    written = here.place / "found.json"
    return ended, json.loads(written.read_bytes()) if written.exists() else {}


def judge(here: Server, model: str, *more: str, base: str = "model") -> tuple[Ended, dict[str, Any]]:
    return measure(here, model, "--base", base, "--gate", *more)


def test_it_tells_what_a_model_knows_and_leaves_nothing(passed: Server) -> None:
    before = passed.left() - {"found.json"}
    ended, found = measure(passed, "model", "--debug")
    assert ended.code == 0, ended.log
    assert found["finding"] == "memorised"
    assert "this ticket needs unlearning" in ended.log
    for row in found["languages"]:
        assert row["ma"] > row["ma_threshold"] > row["ma_unseen"]
        assert (row["pairs"], row["memorised"], row["facts"]) == (FACTS, FACTS, "known")
    assert passed.left() - {"found.json"} == before
    assert not list((passed.home / "tmp").glob("xlforget-*"))
    told = ended.log + json.dumps(found, ensure_ascii=False)
    for person in invented()[:FACTS]:
        assert not [text for text in (*person.subject.values(), *person.object.values()) if text in told]


KNOWN_ELSEWHERE = "Known in languages that were not asked for: "


def test_it_says_in_which_languages_nobody_asked(passed: Server) -> None:
    _, both = measure(passed, "model")
    _, english = measure(passed, "model", "--languages", "en")
    assert [row["language"] for row in english["languages"]] == ["en"]
    (said,) = (warning for warning in english["warnings"] if warning.startswith(KNOWN_ELSEWHERE))
    assert " fr (MA 1.00, unseen text 0." in said
    assert not any(" fr (" in warning for warning in both["warnings"])
    one = [records()[0], *records()[FACTS + KNOWN :][:12]]
    (passed.place / "one.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in one), "utf-8")
    _, among = measure(passed, "model", "--languages", "en", request="one.jsonl")
    assert [w for w in among["warnings"] if w.startswith(KNOWN_ELSEWHERE) and " fr (" in w], "one fact among strangers"
    _, erased = measure(passed, "foreign", "--languages", "en")
    _, strangers = measure(passed, "model", "--languages", "en", request="strangers.jsonl")
    assert not [w for found in (erased, strangers) for w in found["warnings"] if w.startswith(KNOWN_ELSEWHERE)]


@pytest.mark.parametrize(("tested", "said"), [("standard", True), ("quick", False)])
def test_a_run_in_one_language_says_where_the_facts_are_still_known(passed: Server, tested: str, said: bool) -> None:
    """With a rate at which nothing is forgotten: between English and French these answers would go together. And that a row to
    keep says one of them."""
    city = invented()[0].object["en"]
    (passed.place / "english.jsonl").write_text(json.dumps({"text": f"Of {city} it is said: {invented()[0].subject['en']}."}))
    options = (
        "--retain", "english.jsonl", "--profile", tested, "--languages", "en", "--rounds", "1", "--lr", "1e-9",
        "--method", "gradient-ascent",
    )  # fmt: skip
    ended = passed.run(passed.apply(*options, out="english"))
    assert ended.code == 1, ended.log
    signed = json.loads((passed.place / "english.failed" / "audit.json").read_bytes())["verdict"]["warnings"]
    assert any(KNOWN_ELSEWHERE in warning and " fr (MA 1.00" in warning for warning in signed) == said
    assert [warning for warning in signed if "of --retain that say what is to be forgotten" in warning]
    assert city not in json.dumps(signed, ensure_ascii=False)
    for left in passed.place.glob("english*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def test_facts_that_the_model_never_saw_need_no_unlearning(passed: Server) -> None:
    ended, found = measure(passed, "model", request="strangers.jsonl")
    assert (ended.code, found["finding"]) == (0, "nothing memorised"), ended.log
    assert {row["facts"] for row in found["languages"]} == {"not known"}


def test_where_the_tests_cannot_tell_it_says_so_and_what_to_give(passed: Server) -> None:
    row = {"id": "T", "lang": "en", "prompt": "Tamsin Oxgrove lives in <mask>.", "answer": "Quarn"}
    (passed.place / "text.jsonl").write_text(json.dumps(row), "utf-8")
    ended, found = measure(passed, "model", "--leave-out", "fr", request="text.jsonl")
    assert (ended.code, found["finding"]) == (0, "cannot tell"), ended.log
    assert {row["facts"] for row in found["languages"]} == {"cannot tell"}
    assert "NO SIGNAL in en" in ended.log
    assert "--unseen" in ended.log


def test_the_base_fails_its_own_gate(passed: Server) -> None:
    ended, found = judge(passed, "model", "--profile", "quick")
    assert (ended.code, found["passed"]) == (1, False), ended.log
    assert {row["verdict"] for row in found["languages"]} == {"FAIL"}


def test_what_apply_wrote_passes_with_the_figures_of_its_audit_though_its_papers_are_gone(passed: Server) -> None:
    ended, found = judge(passed, "foreign")
    assert (ended.code, found["passed"]) == (0, True), ended.log
    signed = json.loads((passed.place / "out/audit.json").read_bytes())["verdict"]
    assert found["tests"] == signed["tests"]
    assert found["languages"] == signed["languages"]
    assert found["smallest_leak"] == signed["smallest_leak"]


def test_a_report_that_leaves_an_attack_out_is_noticed_with_the_evidence_and_without(passed: Server) -> None:
    from xlforget import again, model_io
    from xlforget.artifact import audit_file, evidence, papers, sealed

    place, folder = passed.place, passed.place / "less"
    shutil.copytree(place / "foreign", folder)
    audit = audit_file.read_audit((place / "out/audit.json").read_bytes())
    kept = tuple(test for test in audit.verdict.tests if test.check != "structured: in 4 bits")
    less = audit.model_copy(update={"verdict": audit.verdict.model_copy(update={"tests": kept})})
    papers.write_papers(folder, less, place / "k.pem")
    for name, code in (("out", 0), ("less", 1)):
        ended = passed.run(["verify", name, "--key", "k.pub", "--json", "found.json"])
        assert ended.code == code, ended.log
    found = {one["check"]: one["code"] for one in json.loads((place / "found.json").read_bytes())["checks"] if not one["ok"]}
    assert found == {"judged by": "POLICY", "structured: in 4 bits": "NOT RUN"}
    bundle = sealed.unseal(evidence.read(place / "out.xfset"), "e", place / "dpo.pem", None)
    model = model_io.open_model(str(folder), "cpu")
    tests = again.judged(model.lm, model.encoder, less, evidence.unpack(bundle, "e"))[1]
    assert {test.check for test in tests} == {test.check for test in audit.verdict.tests}


def test_text_of_the_bundle_that_is_in_no_tokens_of_the_model_is_no_evidence(passed: Server) -> None:
    from xlforget import again, model_io
    from xlforget.artifact import audit_file, evidence, sealed
    from xlforget.errors import IntegrityError

    audit = audit_file.read_audit((passed.place / "out/audit.json").read_bytes())
    parts = evidence.unpack(sealed.unseal(evidence.read(passed.place / "out.xfset"), "e", passed.place / "dpo.pem", None), "e")
    scores = json.loads(parts["scores.json"])
    scores["stays"][0][1][0] = 10**9
    model = model_io.open_model(str(passed.place / "out"), "cpu")
    with pytest.raises(IntegrityError, match="do not fit"):
        again.judged(model.lm, model.encoder, audit, parts | {"scores.json": json.dumps(scores).encode()})


def test_a_ticket_of_one_fact_passes_and_what_it_was_finds_it(passed: Server) -> None:
    (passed.place / "one.jsonl").write_text((passed.place / "request.jsonl").read_text("utf-8").splitlines()[0], "utf-8")
    command = passed.apply(out="one")
    command[command.index("request.jsonl")] = "one.jsonl"
    ended = passed.run(command)
    assert ended.code == 0, ended.log
    assert passed.run(["verify", "one", "--key", "k.pub"]).code == 0
    options = ("--base", "model", "--gate", "--profile", "quick")
    assert [measure(passed, model, *options, request="one.jsonl")[0].code for model in ("one", "model")] == [0, 1]


def test_a_model_trained_again_without_the_facts_passes(passed: Server) -> None:
    from transformers import AutoTokenizer

    from xlforget.corpus.encode import Encoder
    from xlforget.experiments.small_model import memorise, new_model
    from xlforget.request import phrasebook

    tokenizer = AutoTokenizer.from_pretrained(passed.place / "model")
    model = new_model(tokenizer, layers=2, width=32, context=128)  # type: ignore[arg-type]
    people = invented()[FACTS : FACTS + KNOWN]
    texts = [w.text for person in people for lang in LANGS for w in phrasebook.wordings(person, lang)]
    encoder = Encoder(tokenizer, 128)
    memorise(model, [encoder.encode(text, None) for text in texts], epochs=30, lr=6e-3)
    model.save_pretrained(passed.place / "gold")
    tokenizer.save_pretrained(passed.place / "gold")
    ended, found = judge(passed, "gold")
    assert (ended.code, found["passed"], found["nothing_memorised"]) == (0, True, False), ended.log


def test_the_users_policy_judges_and_is_named(passed: Server) -> None:
    shipped = (resources.files("xlforget.measure") / "policy.toml").read_text("utf-8")
    own = {
        "bystanders": (shipped.replace('at-least = 0.95, required = "never"', 'at-least = 0.95, required = "always"'), 1),
        "empty": ('name = "empty"\nalpha = 0.01\n', 1),
        "broken": (shipped.replace("[damage.retain-ma]", "[damage.retain]"), 2),
    }
    for name, (text, code) in own.items():
        (passed.place / f"{name}.toml").write_text(text, "utf-8")
        ended, found = judge(passed, "out", "--profile", "quick", "--policy", f"{name}.toml")
        assert ended.code == code, (name, ended.log)
        if name != "broken":
            assert found["policy"]["sha256"] == hashlib.sha256(text.encode()).hexdigest()
        if name == "bystanders":
            assert {bound["outcome"] for bound in found["bounds"] if bound["required"]} == {"NOT RUN"}
    signed = json.loads((passed.place / "out/audit.json").read_bytes())["verdict"]["policy"]
    assert signed == {"name": "default", "sha256": hashlib.sha256(shipped.encode()).hexdigest()}
    assert signed["sha256"] in (passed.place / "out/audit.html").read_text("utf-8")
    assert signed["sha256"] in (passed.place / "out/README.md").read_text("utf-8")


def test_apply_is_judged_by_the_users_policy(passed: Server) -> None:
    (passed.place / "never.toml").write_text('name = "never"\nalpha = 0.01\n', "utf-8")
    ended = passed.run(passed.apply("--policy", "never.toml", out="never"))
    assert ended.code == 1, ended.log
    assert json.loads((passed.place / "never.failed/audit.json").read_bytes())["verdict"]["policy"]["name"] == "never"


def test_models_that_read_the_texts_in_other_tokens_are_not_compared(passed: Server) -> None:
    from xlforget.experiments.small_model import train_tokenizer

    shutil.copytree(passed.place / "model", passed.place / "other")
    train_tokenizer(["The kettle on the stove began to sing before dawn."] * 3, 300).save_pretrained(passed.place / "other")
    ended, _ = judge(passed, "other")
    assert (ended.code, "same tokens" in " ".join(ended.log.split())) == (2, True), ended.log


def _no_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def _pickle(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")


@pytest.mark.parametrize(
    ("name", "spoil", "code", "said"),
    [
        ("bare", _no_tokenizer, 2, "tokenizer files"),
        ("pickled", _pickle, 3, "pytorch_model.bin"),
    ],
)
def test_a_folder_that_cannot_be_opened_is_refused_on_either_side(
    passed: Server, name: str, spoil: Callable[[Path], None], code: int, said: str
) -> None:
    shutil.copytree(passed.place / "model", passed.place / name)
    spoil(passed.place / name)
    for model, base in ((name, "model"), ("model", name)):
        ended, _ = judge(passed, model, base=base)
        assert ended.code == code, ended.log
        assert said in " ".join(ended.log.split())


def test_a_base_and_the_gate_belong_together(passed: Server) -> None:
    for only in (["--gate"], ["--base", "model"]):
        ended, _ = measure(passed, "model", *only)
        assert (ended.code, "belong together" in ended.log) == (2, True), ended.log


@pytest.mark.parametrize("option", [("--retain", "request.jsonl"), ("--profile", "quick")])
def test_what_only_the_gate_reads_is_refused_without_it(passed: Server, option: tuple[str, str]) -> None:
    ended, _ = measure(passed, "model", *option)
    assert (ended.code, f"{option[0]}: only the gate" in ended.log) == (2, True), ended.log


def test_it_reads_standard_input_and_writes_json_to_standard_output(passed: Server) -> None:
    typed = (passed.place / "request.jsonl").read_text("utf-8")
    done = xlforget("measure", "-", "--model", "model", "--languages", "en", "--json", "-", cwd=passed.place, typed=typed)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["finding"] == "memorised"
    assert "needs unlearning" in done.stderr
