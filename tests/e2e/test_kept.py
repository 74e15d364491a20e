"""What `apply` writes for people: evidence that one key opens, and openings that prove what was asked for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Server

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def passed(server: "Server") -> Iterator["Server"]:
    done = server.run(server.apply("--ticket", "T-1"))
    assert done.code == 0, done.log
    yield server
    server.clear()


def verify(server: "Server", *options: str) -> int:
    return int(server.run(["verify", "out", "--key", "k.pub", *options]).code)


def test_sealed_evidence_is_measured_again_with_the_key_that_opens_it(passed: "Server") -> None:
    assert (passed.place / "out.xfset").stat().st_mode & 0o777 == 0o600
    assert verify(passed, "--evidence", "out.xfset", "--unseal", "dpo.pem") == 0
    assert verify(passed, "--evidence", "out.xfset") == 2
    assert verify(passed, "--evidence", "out.xfset", "--unseal", "k.pem") == 3


def test_each_record_of_the_request_is_opened_and_no_other(passed: "Server", tmp_path: Path) -> None:
    assert (passed.place / "out.openings").stat().st_mode & 0o777 == 0o600
    assert verify(passed, "--opening", "out.openings", "--fact", "request.jsonl") == 0
    lines = (passed.place / "request.jsonl").read_text("utf-8").splitlines()
    alone, spelt, other = (tmp_path / name for name in ("alone", "spelt", "other"))
    alone.write_text((passed.place / "out.openings").read_text().splitlines()[1])
    spelt.write_text(json.dumps(dict(reversed(json.loads(lines[1]).items()))))
    other.write_text(lines[1].replace("K1", "K9"))
    assert verify(passed, "--opening", str(alone), "--fact", str(spelt)) == 0
    assert verify(passed, "--opening", str(alone), "--fact", str(other)) == 1
    assert verify(passed, "--opening", str(alone), "--fact", "request.jsonl") == 1, "the other two are not opened by it"
    assert verify(passed, "--opening", str(alone)) == 2


def test_nothing_is_sealed_where_nothing_is_kept(passed: "Server") -> None:
    args = passed.apply(out="never")
    at = args.index("--keep")
    assert passed.run([*args[:at], *args[at + 2 :]]).code == 2
