"""The reports of a batch: each stands alone, agrees with the one over all, and says nothing about the others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.artifact.conftest import batch_of, bound, make_verdict
from xlforget.artifact import attestation, audit_file, papers
from xlforget.artifact import audit as record
from xlforget.artifact.folder import digests
from xlforget.artifact.keys import KeyPair
from xlforget.artifact.render import html
from xlforget.errors import IntegrityError, UsageError
from xlforget.measure.verdict import Outcome, Verdict

MakeAudit = Callable[..., record.Audit]
Write = Callable[..., None]


@pytest.fixture
def batch(tmp_path: Path, base: Path, audit_of: MakeAudit, write: Write) -> tuple[Path, record.Audit, list[record.Audit]]:
    """A folder with a model and no papers yet, and the reports for it."""
    folder = tmp_path / "tiny-forgotten"
    write(folder)
    return folder, *batch_of(audit_of(digests(base), digests(folder)))


def test_a_batch_verifies_by_any_of_its_tickets(batch: tuple[Path, record.Audit, list[record.Audit]], pair: KeyPair) -> None:
    folder, whole, own = batch
    papers.write_papers(folder, whole, pair.private, own=own)
    for number, ticket in enumerate(("DSR-1", "DSR-2"), 1):
        found = papers.verify_papers(folder, pair.public, ticket)
        assert found.passed, found.findings
        assert [f.check for f in found.findings if f.check.startswith("ticket ")] == [f"ticket {number}"]
    assert [audit.ticket for audit in papers.verify_papers(folder, pair.public).tickets] == ["DSR-1", "DSR-2"]
    with pytest.raises(IntegrityError, match="another ticket"):
        papers.verify_papers(folder, pair.public, "DSR-3")


def too_few(verdict: Verdict) -> Verdict:
    """The same with so few controls that no test could have found a thing."""
    tests = [test.model_copy(update={"p": 0.5, "p_base": 0.4, "p_perfect": 0.3}) for test in verdict.tests]
    tests = [test.model_copy(update={"outcome": Outcome.NO_SIGNAL}) for test in tests]
    rows = [row.model_copy(update={"verdict": Outcome.NO_SIGNAL}) for row in verdict.languages]
    return verdict.model_copy(update={"tests": tuple(tests), "languages": tuple(rows), "passed": False, "smallest_leak": None})


def test_a_ticket_too_small_for_tests_of_its_own_passes_with_the_batch_and_says_so(
    batch: tuple[Path, record.Audit, list[record.Audit]], pair: KeyPair
) -> None:
    folder, whole, own = batch
    own[1] = own[1].model_copy(update={"verdict": too_few(own[1].verdict)})
    papers.write_papers(folder, whole, pair.private, own=own)
    found = {finding.check: finding for finding in papers.verify_papers(folder, pair.public).findings}
    assert (found["ticket 2"].ok, found["ticket 2"].code) == (True, "NO_SIGNAL")
    page = (folder / "tickets/2/audit.html").read_text()
    assert "too few for tests of their own" in page
    assert "What did not hold" not in page
    assert "<strong>Passed</strong>" in page


def test_a_failed_batch_is_failed_for_every_ticket(base: Path, tmp_path: Path, audit_of: MakeAudit, pair: KeyPair) -> None:
    folder = tmp_path / "out.failed"
    folder.mkdir()
    whole, own = batch_of(audit_of(digests(base), None, leak="fr"), leak="fr")
    papers.write_papers(folder, whole, pair.private, own=own)
    found = {finding.check: finding for finding in papers.verify_papers(folder, pair.public).findings}
    assert not found["ticket 1"].ok
    assert (found["ticket 2"].ok, found["ticket 2"].code) == (False, "FAIL")
    assert "still knows some of them" in (folder / "tickets/2/audit.html").read_text()
    assert "tickets" not in found, "the gate counted what the reports hold"


def test_reports_of_a_failed_batch_are_pinned_though_its_statement_is_about_the_base(
    base: Path, tmp_path: Path, audit_of: MakeAudit, pair: KeyPair
) -> None:
    """The key that signs ``model.sig`` again vouches for no report that the gate's own report does not name."""
    folder, name = tmp_path / "out.failed", "tickets/2/audit.json"
    folder.mkdir()
    whole, own = batch_of(audit_of(digests(base), None, leak="fr"), leak="fr")
    papers.write_papers(folder, whole, pair.private, own=own)
    written = own[1].model_copy(update={"request": own[1].request.model_copy(update={"facts": 1})})
    (folder / name).write_bytes(audit_file.to_json(written))
    attestation.sign_model(folder, pair.private)
    with pytest.raises(IntegrityError) as caught:
        papers.verify_papers(folder, pair.public)
    assert (caught.value.code, caught.value.files) == ("AUDIT_MISMATCH", (name,))
    attestation.sign_audit(folder / "tickets/2", audit_file.to_document(written), digests(base), pair.private)
    attestation.sign_model(folder, pair.private)
    with pytest.raises(IntegrityError) as caught:
        papers.verify_papers(folder, pair.public)
    assert (caught.value.code, caught.value.files) == ("MISMATCH", ("tickets/2/audit.dsse.json",))


def test_no_report_passes_whose_own_tests_find_something(
    batch: tuple[Path, record.Audit, list[record.Audit]], pair: KeyPair
) -> None:
    folder, whole, own = batch
    own[1] = own[1].model_copy(update={"verdict": make_verdict("fr")})
    with pytest.raises(IntegrityError, match="not an audit"):
        papers.write_papers(folder, whole, pair.private, own=own)


def test_outcomes_that_the_gate_did_not_count_are_not_a_pass(
    batch: tuple[Path, record.Audit, list[record.Audit]], pair: KeyPair
) -> None:
    folder, whole, own = batch
    said = bound("tickets of which nothing is found", 3, 3, 1.0, most=False, required=True, lang=None)
    bounds = (*whole.verdict.bounds[:-1], said.model_copy(update={"check": record.TICKETS}))
    lie = whole.model_copy(update={"verdict": whole.verdict.model_copy(update={"bounds": bounds})})
    papers.write_papers(folder, lie, pair.private, own=own)
    failed = [finding.check for finding in papers.verify_papers(folder, pair.public).findings if not finding.ok]
    assert failed == ["tickets"]


def test_figures_of_a_ticket_that_give_other_outcomes_are_not_a_pass(
    batch: tuple[Path, record.Audit, list[record.Audit]], pair: KeyPair
) -> None:
    folder, whole, own = batch
    first, *rest = own[0].verdict.tests
    tests = (first.model_copy(update={"p": 1e-6}), *rest)
    own[0] = own[0].model_copy(update={"verdict": own[0].verdict.model_copy(update={"tests": tests})})
    papers.write_papers(folder, whole, pair.private, own=own)
    failed = [f.check for f in papers.verify_papers(folder, pair.public, "DSR-2").findings if not f.ok]
    assert failed == ["ticket 1"], "also where only the other ticket is asked for"


def test_attacks_that_a_tickets_report_leaves_out_are_not_a_pass(
    batch: tuple[Path, record.Audit, list[record.Audit]], pair: KeyPair
) -> None:
    folder, whole, own = batch
    own[1] = own[1].model_copy(update={"verdict": own[1].verdict.model_copy(update={"profile": "standard"})})
    papers.write_papers(folder, whole, pair.private, own=own)
    found = {finding.check: finding for finding in papers.verify_papers(folder, pair.public).findings}
    assert (found["ticket 1"].ok, found["ticket 2"].ok) == (True, False)
    assert "answer: in 4 bits" in found["ticket 2"].message


def test_the_page_over_all_names_the_tickets_and_their_reports_and_a_tickets_page_only_itself(
    batch: tuple[Path, record.Audit, list[record.Audit]],
) -> None:
    _, whole, own = batch
    reports = tuple(record.TicketReport(ticket=f"DSR-{n}", audit=f"{n}" * 64) for n in (1, 2))
    page = html(whole.model_copy(update={"tickets": reports}))
    assert "Tickets DSR-1, DSR-2" in page
    assert "tickets/2/audit.html" in page
    alone = html(own[0])
    assert "Ticket DSR-1" in alone
    assert "DSR-2" not in alone
    assert "forgotten together with others" in alone
    assert "Had 3 facts been left whole, the tests over all facts of the run would have found it" in alone


def test_a_batch_has_no_ticket_of_its_own_and_no_ticket_twice(batch: tuple[Path, record.Audit, list[record.Audit]]) -> None:
    _, whole, _ = batch
    report = record.TicketReport(ticket="DSR-1", audit="1" * 64)
    for update in ({"ticket": "DSR-1", "tickets": (report,)}, {"tickets": (report, report)}):
        document = audit_file.to_document(whole.model_copy(update=update))
        with pytest.raises(IntegrityError, match="not an audit"):
            audit_file.from_document(document)


@pytest.mark.parametrize(
    ("tickets", "requests", "code"),
    [
        (("A",), 2, "TICKET_COUNT"),
        ((), 2, "TICKET_COUNT"),
        (("A", "B"), 1, "TICKET_COUNT"),
        (("A", "A"), 2, "TICKET_TWICE"),
        (("A", "b b"), 2, "TICKET_FORM"),
    ],
)
def test_tickets_must_fit_the_requests(tickets: tuple[str, ...], requests: int, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        audit_file.check_tickets(tickets, requests)
    assert caught.value.code == code


def test_one_request_needs_no_ticket_and_several_have_one_each() -> None:
    assert audit_file.check_tickets((), 1) == ()
    assert audit_file.check_tickets(("A",), 1) == ("A",)
    assert audit_file.check_tickets(("B", "A"), 2) == ("B", "A")
