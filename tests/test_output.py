"""What would stop a run at its end is said before anything loads."""

from dataclasses import replace
from pathlib import Path

import pytest

from xlforget import output
from xlforget.artifact import keys
from xlforget.asked import Apply
from xlforget.errors import UsageError
from xlforget.work import Work


@pytest.fixture
def asked(tmp_path: Path) -> Apply:
    pair = keys.keygen(tmp_path / "k.pem")
    return Apply(requests=("r",), model="m", out=tmp_path / "out", key=pair.private, keep=tmp_path / "kept")


def code(asked: Apply) -> str:
    with pytest.raises(UsageError) as caught:
        output.check(asked)
    return caught.value.code


def test_what_is_free_may_be_written(asked: Apply) -> None:
    output.check(asked)
    asked.out.mkdir()
    output.check(asked)


def test_a_folder_of_somebody_elses_is_refused(asked: Apply) -> None:
    asked.out.mkdir()
    (asked.out / "thesis.txt").write_text("years of work")
    assert code(asked) == "OUT_EXISTS"
    assert code(replace(asked, overwrite=True)) == "OUT_FOREIGN"


def test_a_file_of_somebody_elses_is_refused(asked: Apply) -> None:
    (asked.out.parent / "kept").write_text("theirs")
    assert code(asked) == "FILE_EXISTS"


def test_what_this_run_put_there_is_its_own(asked: Apply) -> None:
    kept = asked.out.parent / "kept"
    kept.write_bytes(b"evidence")
    with Work(asked.out) as work:
        work.tie({}, fresh=False)
        work.claim(kept, "0" * 64)
    assert code(asked) == "FILE_EXISTS", "claimed, but something else was put there since"
    with Work(asked.out) as work:
        work.tie({}, fresh=False)
        output._put(kept, b"evidence", work)
    output.check(asked)


def test_a_seal_without_anything_to_seal_is_refused(asked: Apply) -> None:
    assert asked.key
    public = asked.key.with_suffix(".pub")
    assert code(replace(asked, keep=None, seal_to=public)) == "SEAL_TO"
    assert code(replace(asked, seal_to=asked.key)) == "KEY_TYPE"
