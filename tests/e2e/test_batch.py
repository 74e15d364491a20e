"""Three tickets in one run: one model, one gate, and for each ticket a signed report that says nothing about the others."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import LANGS, Ended, Server, records

pytestmark = pytest.mark.e2e
TICKETS = ("DSR-1", "DSR-2", "DSR-3")


def request(place: Path, name: str, who: list[int], prefix: str) -> None:
    rows = [person | {"id": f"{prefix}-{k}"} for k, person in enumerate(records()) if k in who]
    (place / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def command(out: str, *more: str, requests: tuple[str, ...] = ("a.jsonl", "b.jsonl", "c.jsonl")) -> list[str]:
    options = ["--key", "k.pem", "--languages", ",".join(LANGS), "--rounds", "4", "--lr", "6e-3", "--samples", "256"]
    kept = ["--keep", f"{out}.xfset", "--seal-to", "dpo.pub", "--openings", f"{out}.openings"]
    return ["apply", *requests, "--out", out, *options, *kept, *more]


def apply(here: Server, out: str, *more: str, **how: Any) -> Ended:
    return here.run(command(out, *more, **how))


def named(tickets: tuple[str, ...] = TICKETS) -> list[str]:
    return [part for ticket in tickets for part in ("--ticket", ticket)]


@pytest.fixture(scope="module")
def batch(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """``out``, of three requests: three facts, three of which one is the first's too, and one fact alone."""
    place = tmp_path_factory.mktemp("batch")
    shutil.copytree(server.place / "model", place / "model")
    for name in ("k.pem", "k.pub", "dpo.pem", "dpo.pub"):
        shutil.copyfile(server.place / name, place / name)
    (place / "logs").mkdir()
    for name, who, prefix in (("a", [0, 1, 2], "A"), ("b", [2, 3, 4], "B"), ("c", [5], "C"), ("d", [6, 7, 8], "D")):
        request(place, f"{name}.jsonl", who, prefix)
    here = Server(server.forks, place)
    ended = apply(here, "out", "--model", "model", *named())
    assert ended.code == 0, ended.log
    assert "DSR-2: out/tickets/2/audit.html" in ended.log
    return here


def audit(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "audit.json").read_bytes())
    return document


def verify(here: Server, folder: str, *options: str) -> Ended:
    return here.run(["verify", folder, "--key", "k.pub", "--unseal", "dpo.pem", *options])


def test_each_ticket_has_its_own_counts_figures_and_outcome(batch: Server) -> None:
    out = batch.place / "out"
    whole, *own = (audit(folder) for folder in (out, *(out / "tickets" / str(n) for n in (1, 2, 3))))
    assert whole["request"]["facts"] == 6, "what two requests state is one fact"
    assert [one["request"]["facts"] for one in own] == [3, 3, 1]
    assert [one["commitment"]["count"] for one in own] == [3, 3, 1]
    assert [one["request"]["pairs"] for one in own] == [6, 6, 2]
    assert [len(one["facts"]) for one in own] == [3, 3, 1]
    assert [one["ticket"] for one in own] == [one["ticket"] for one in whole["tickets"]] == list(TICKETS)
    assert [one["result"] for one in (whole, *own)] == ["passed"] * 4
    leak = whole["verdict"]["smallest_leak"]
    assert [one["batch"] for one in own] == [{"gate": "passed", "smallestLeak": leak}] * 3
    assert {test["score"] for test in own[2]["verdict"]["tests"]} == {"logp"}, "of one fact alone"
    for one in own:
        for row in one["verdict"]["languages"]:
            figures = [fact["languages"][row["lang"]]["ma"]["after"] for fact in one["facts"]]
            assert sum(figures) / len(figures) == pytest.approx(row["ma_after"], abs=0.05), "of its own facts alone"
    assert len({row["logp_before"] for one in own for row in one["verdict"]["languages"]}) == 6
    assert all(one["output"] == whole["output"] for one in own)


def test_a_tickets_report_says_nothing_about_the_others(batch: Server) -> None:
    whole = audit(batch.place / "out")
    ids = {fact["id"] for fact in whole["facts"]}
    for number, ticket in enumerate(TICKETS, 1):
        folder = batch.place / "out/tickets" / str(number)
        others = [*(set(TICKETS) - {ticket}), *ids, whole["parallelSet"]["digest"]]
        for path in folder.iterdir():
            text = path.read_text("utf-8")
            assert not [other for other in others if other in text], path
        own = audit(folder)
        assert (own["tickets"], own["parent"], own["evidence"]) == ([], None, None)
        assert not [bound for bound in own["verdict"]["bounds"] if bound["check"] != "damage"]
    assert "DSR" not in "".join(str(path) for path in (batch.place / "out").rglob("*")).replace(str(batch.place), "")


def test_no_paper_holds_text_of_a_fact(batch: Server) -> None:
    texts = {text for k, one in enumerate(records()) if k < 6 for key in ("subject", "object") for text in one[key].values()}
    papers = [
        *(batch.place / "out").glob("*.html"),
        *(batch.place / "out").glob("audit*"),
        *(batch.place / "out/tickets").rglob("*.*"),
    ]
    assert len(papers) == 13
    for path in papers:
        content = path.read_text("utf-8")
        assert not [text for text in texts if text in content], path


def test_verify_takes_any_ticket_of_the_batch_and_names_its_report(batch: Server) -> None:
    for number, ticket in enumerate(TICKETS, 1):
        ended = verify(batch, "out", "--ticket", ticket, "--json", "v.json")
        assert ended.code == 0, ended.log
        found = {c["check"]: c for c in json.loads((batch.place / "v.json").read_text())["checks"]}
        assert found[f"ticket {number}"]["files"] == [f"tickets/{number}/audit.html"]
        assert sum(check.startswith("ticket ") for check in found) == 1
    assert verify(batch, "out", "--ticket", "DSR-4").code == 3
    assert verify(batch, "out", "--evidence", "out.xfset").code == 0


def test_an_opening_shows_a_record_to_be_of_its_own_ticket(batch: Server) -> None:
    (batch.place / "one.jsonl").write_text((batch.place / "b.jsonl").read_text().splitlines()[0] + "\n")
    options = ("--opening", "out.openings", "--fact", "one.jsonl")
    assert verify(batch, "out", *options).code == 0
    assert verify(batch, "out", *options, "--ticket", "DSR-2").code == 0
    assert verify(batch, "out", *options, "--ticket", "DSR-1").code == 1


def test_the_next_ticket_goes_on_from_a_batch(batch: Server) -> None:
    trust = ("--parent-key", "k.pub", "--unseal", "dpo.pem", "--former", "out.xfset")
    ended = apply(batch, "next", "--model", "out", "--ticket", "DSR-4", *trust, requests=("d.jsonl",))
    assert ended.code == 0, ended.log
    own = audit(batch.place / "next")
    assert own["parent"]["tickets"] == list(TICKETS)
    assert [(one["tickets"], one["held"] == one["tests"] > 0) for one in own["former"]] == [(list(TICKETS), True)]
    ended = verify(batch, "next", "--former", "out.xfset", "--ticket", "DSR-4")
    assert ended.code == 0, ended.log
    assert not (batch.place / "next/tickets").exists()


def test_a_batch_that_fails_has_failed_reports_of_every_ticket(batch: Server) -> None:
    """Nothing was trained: all is still known, and each ticket's own tests find it."""
    ended = apply(
        batch, "bad", "--model", "model", *named(), "--profile", "quick", "--rounds", "1", "--lr", "1e-6", "--samples", "0"
    )
    assert ended.code == 1, ended.log
    folder = batch.place / "bad.failed"
    own = [audit(folder / "tickets" / str(number)) for number in (1, 2, 3)]
    assert [(one["result"], one["output"], one["batch"]["gate"]) for one in own] == [("failed", None, "failed")] * 3
    (bound,) = (bound for bound in audit(folder)["verdict"]["bounds"] if bound["check"] == "tickets")
    assert (bound["before"], bound["after"], bound["outcome"]) == (3, 0, "FAIL")
    assert verify(batch, "bad.failed", "--ticket", "DSR-3").code == 1


def test_a_batch_of_which_nothing_was_memorised_is_a_pass_without_a_model(batch: Server) -> None:
    request(batch.place, "e.jsonl", [20, 21, 22, 23], "E")
    request(batch.place, "f.jsonl", [24], "F")
    ended = apply(batch, "none", "--model", "model", *named(TICKETS[:2]), requests=("e.jsonl", "f.jsonl"))
    assert ended.code == 0, ended.log
    own = [audit(batch.place / "none/tickets" / str(number)) for number in (1, 2)]
    assert [(one["result"], one["output"]) for one in own] == [("nothing memorised", None)] * 2
    assert not (batch.place / "none/model.safetensors").exists()
    assert verify(batch, "none", "--ticket", "DSR-2").code == 0


def test_a_batch_that_was_killed_goes_on_and_ends_as_one_that_was_not(batch: Server) -> None:
    args = ["--model", "model", *named()]
    for stage in ("unlearning", "writing the papers"):
        killed = batch.run_and_kill(command("again", *args), stage, 0.05, signal.SIGKILL)
        assert killed.code == -signal.SIGKILL, killed.log
        assert not (batch.place / "again").exists()
    ended = apply(batch, "again", *args)
    assert ended.code == 0, ended.log
    (one, other) = (audit(batch.place / name) for name in ("out", "again"))
    assert one["output"]["files"] == other["output"]["files"]
    assert one["verdict"] == other["verdict"]
    assert verify(batch, "again", "--ticket", "DSR-2").code == 0


@pytest.mark.parametrize(
    ("requests", "tickets", "said"),
    [
        (("a.jsonl", "c.jsonl"), ("DSR-1",), "once for each request"),
        (("a.jsonl", "c.jsonl"), (), "once for each request"),
        (("a.jsonl",), ("DSR-1", "DSR-2"), "once for each request"),
        (("a.jsonl", "c.jsonl"), ("DSR-1", "DSR-1"), "two requests of one ticket"),
        (("a.jsonl", "a.jsonl"), ("DSR-1", "DSR-2"), "is that of line 1 of a.jsonl"),
    ],
)
def test_tickets_that_do_not_fit_the_requests_are_exit_2(
    batch: Server, requests: tuple[str, ...], tickets: tuple[str, ...], said: str
) -> None:
    ended = apply(batch, "never", "--model", "model", *named(tickets), requests=requests)
    assert (ended.code, said in " ".join(ended.log.split())) == (2, True), ended.log
    assert not list(batch.place.glob(".never*"))
