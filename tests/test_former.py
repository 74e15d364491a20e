"""A model of ours as the next ticket's parent."""

import shutil
from pathlib import Path

import pytest

from xlforget import former, model_io
from xlforget.artifact import audit_file, evidence, sealed
from xlforget.artifact.history import Earlier
from xlforget.asked import Apply
from xlforget.errors import UsageError
from xlforget.measure.verdict import Outcome

GOLDEN = Path(__file__).parent / "golden/schema-2"


def asked(model: Path) -> Apply:
    return Apply(requests=("r",), model=str(model), out=model.parent / "out", key=None, parent_key=GOLDEN / "trusted.pub")


def test_a_parent_in_the_hubs_cache_is_refused_with_the_way_out(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "models--x--y/blobs", tmp_path / "models--x--y/snapshots/abc"
    shutil.copytree(GOLDEN / "passed", blobs)
    snapshot.mkdir(parents=True)
    for blob in blobs.iterdir():
        (snapshot / blob.name).symlink_to(blob)
    with pytest.raises(UsageError) as caught:
        former.line_of(asked(snapshot))
    assert (caught.value.code, "--local-dir" in caught.value.do) == ("PARENT_LINKS", True)
    line = former.line_of(asked(blobs))
    assert [one.named for one in line.earlier] == ["T-1"]


def test_a_batch_is_a_parent_under_the_names_of_all_its_tickets(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "batch", tmp_path / "batch")
    line = former.line_of(asked(tmp_path / "batch"))
    assert line.parent is not None
    assert line.parent.tickets == ("T-1", "T-2")
    (warning,) = line.warnings()
    assert "T-1, T-2" in warning


def test_an_earlier_ticket_without_a_test_had_nothing_that_could_come_back() -> None:
    audit = audit_file.read_audit((GOLDEN / "passed/audit.json").read_bytes())
    bundle = sealed.unseal(evidence.read(GOLDEN / "evidence.xfset"), "e", GOLDEN / "opens-evidence.pem", None)
    untested = audit.model_copy(update={"verdict": audit.verdict.model_copy(update={"tests": ()})})
    parts = evidence.unpack(bundle, "e")
    model = model_io.open_model(str(GOLDEN / "passed"), "cpu")

    def held(own: object) -> tuple[int, int, Outcome]:
        line = former.Line(evidence=(former.Evidence(Earlier("0" * 64, "1" * 64, own), parts),))  # type: ignore[arg-type]
        (ticket,), (bound,) = former.still_hold(model.lm, model.encoder, line)
        return ticket.held, ticket.tests, bound.outcome

    assert held(untested) == (0, 0, Outcome.NOT_APPLICABLE)
    tests = len(audit.verdict.tests)
    assert held(audit) == (tests, tests, Outcome.PASS)
