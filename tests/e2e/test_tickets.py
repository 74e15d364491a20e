"""Three tickets in a row on one model: each passes, the first two are still forgotten after the third, and all is signed."""

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import FACTS, LANGS, Ended, Server, make_place, records

pytestmark = pytest.mark.e2e


def request_of(place: Path, ticket: int) -> None:
    """The records of one ticket: the next three people whom the model knows."""
    own = records()[FACTS * ticket : FACTS * (ticket + 1)]
    rows = [person | {"id": f"T{ticket}-{k}"} for k, person in enumerate(own)]
    (place / f"t{ticket}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def forget(server: Server, ticket: int, model: str, *more: str, out: str = "") -> Ended:
    out = out or f"t{ticket}"
    args = ["apply", f"t{ticket}.jsonl", "--model", model, "--out", out, "--keep", f"{out}.xfset", "--seal-to", "dpo.pub"]
    options = ["--key", "k.pem", "--languages", ",".join(LANGS), "--rounds", "4", "--lr", "6e-3", "--samples", "1024"]
    return server.run([*args, *options, "--ticket", f"DSR-{ticket}", *more])


@pytest.fixture(scope="module")
def row(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """t0, t1, t2: each made from the one before, with the evidence of those before; two layers bear three tickets."""
    place = tmp_path_factory.mktemp("tickets")
    make_place(place, layers=2)
    here = Server(server.forks, place)
    for ticket in range(3):
        request_of(place, ticket)
        former = [part for earlier in range(ticket) for part in ("--former", f"t{earlier}.xfset")]
        trust = ["--parent-key", "k.pub", "--unseal", "dpo.pem"] if ticket else []
        tested = "standard" if ticket == 2 else "quick"
        ended = forget(here, ticket, f"t{ticket - 1}" if ticket else "model", "--profile", tested, *former, *trust)
        assert ended.code == 0, ended.log
    return here


def verify(here: Server, folder: str, *options: str) -> Ended:
    return here.run(["verify", folder, "--key", "k.pub", "--unseal", "dpo.pem", *options])


def test_the_last_folder_alone_shows_the_chain_and_the_sealed_evidence_that_all_are_forgotten(row: Server) -> None:
    audit = json.loads((row.place / "t2/audit.json").read_bytes())
    assert [one["held"] == one["tests"] > 0 for one in audit["former"]] == [True, True]
    assert {path.name for path in (row.place / "t2/history").iterdir()} == {"0001.dsse.json", "0002.dsse.json"}
    for name in ("t0", "t1"):
        (row.place / name).rename(row.place / f"away-{name}")
    try:
        ended = verify(row, "t2", "--evidence", "t2.xfset", "--former", "t0.xfset", "--former", "t1.xfset", "--json", "v.json")
    finally:
        for name in ("t0", "t1"):
            (row.place / f"away-{name}").rename(row.place / name)
    assert ended.code == 0, ended.log
    found = {check["check"]: check["message"] for check in json.loads((row.place / "v.json").read_text())["checks"]}
    assert found["earlier ticket 1"] == "ticket DSR-0: passed"
    assert found["earlier ticket 2"] == "ticket DSR-1: passed"
    assert {f"measured again/tests of ticket DSR-{k} that hold" for k in (0, 1)} <= found.keys()


def test_a_model_of_ours_is_not_taken_without_the_key_that_signed_it(row: Server) -> None:
    ended = forget(row, 1, "t0", out="never")
    assert (ended.code, "--parent-key" in ended.log) == (2, True), ended.log
    from xlforget.artifact import keys

    keys.keygen(row.place / "other.pem")
    assert forget(row, 1, "t0", "--parent-key", "other.pub", out="never").code == 3
    shutil.copytree(row.place / "t0", row.place / "changed")
    (row.place / "changed/generation_config.json").write_text("{}")
    ended = forget(row, 1, "changed", "--parent-key", "k.pub", out="never")
    assert (ended.code, "generation_config.json" in ended.log) == (3, True), ended.log


@pytest.mark.parametrize("name", ["0001.dsse.json", "0002.dsse.json"])
def test_a_history_that_was_cut_or_changed_is_exit_3_even_when_signed_over(row: Server, tmp_path: Path, name: str) -> None:
    from xlforget.artifact import attestation

    cut, changed, exchanged = (tmp_path / kind for kind in ("cut", "changed", "exchanged"))
    for folder in (cut, changed, exchanged):
        shutil.copytree(row.place / "t2", folder)
    (cut / "history" / name).unlink()
    document = json.loads((changed / "history" / name).read_bytes())
    document["signatures"][0]["keyid"] = ""
    (changed / "history" / name).write_text(json.dumps(document))
    shutil.copyfile(row.place / "t2/audit.dsse.json", exchanged / "history" / name)
    for folder in (cut, changed, exchanged):
        attestation.sign_model(folder, row.place / "k.pem")
        assert verify(row, str(folder)).code == 3, folder.name


def test_evidence_of_no_earlier_ticket_is_exit_3(row: Server) -> None:
    assert verify(row, "t2", "--former", "t2.xfset").code == 3
    assert forget(row, 1, "t0", "--parent-key", "k.pub", "--unseal", "dpo.pem", "--former", "t2.xfset", out="never").code == 3
    assert forget(row, 1, "model", "--former", "t0.xfset", out="never").code == 2


def test_the_gate_fails_where_something_that_was_forgotten_came_back(row: Server) -> None:
    """The base's weights under the first ticket's papers, signed again: what a careless merge of two models would do."""
    from xlforget import model_io
    from xlforget.artifact import audit_file, papers

    back = row.place / "back"
    shutil.copytree(row.place / "t0", back)
    audit = audit_file.read_audit((back / "audit.json").read_bytes())
    for name in papers.PAPERS:
        (back / name).unlink()
    shutil.copyfile(row.place / "model/model.safetensors", back / "model.safetensors")
    assert audit.output
    output = audit.output.model_copy(update={"files": model_io.digests(back)})
    papers.write_papers(back, audit.model_copy(update={"output": output}), row.place / "k.pem")
    ended = forget(row, 1, "back", "--parent-key", "k.pub", "--unseal", "dpo.pem", "--former", "t0.xfset", out="again")
    assert ended.code == 1, ended.log
    failed = json.loads((row.place / "again.failed/audit.json").read_bytes())
    assert [one["held"] < one["tests"] for one in failed["former"]] == [True]
    assert "tests of ticket DSR-0 that hold" in (row.place / "again.failed/audit.html").read_text()
    assert verify(row, "back", "--former", "t0.xfset").code == 3, "the first ticket has no earlier one"


def test_a_base_model_with_a_signature_of_somebody_elses_is_a_base_model(row: Server) -> None:
    """Publishers sign their models in the same format."""
    from xlforget.artifact import attestation

    shutil.copytree(row.place / "model", row.place / "published")
    attestation.sign_model(row.place / "published", row.place / "k.pem")
    args = ["apply", "t0.jsonl", "--model", "published", "--languages", ",".join(LANGS), "--dry-run"]
    assert row.run(args).code == 0
    ended = forget(row, 0, "published", "--former", "t0.xfset", out="never")
    assert (ended.code, "--former needs" in ended.log) == (2, True), ended.log


def test_a_ticket_without_the_evidence_of_those_before_passes_with_a_warning(row: Server) -> None:
    ended = forget(row, 1, "t0", "--parent-key", "k.pub", out="unseen")
    assert ended.code == 0, ended.log
    assert "Not tested again" in ended.log
    assert "DSR-0" in ended.log
