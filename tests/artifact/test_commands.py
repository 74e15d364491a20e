"""``keygen`` and ``report`` as a user runs them."""

import subprocess
import sys
from pathlib import Path

import pytest

from xlforget.artifact import keys


def run(folder: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xlforget", *args],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_keygen_writes_a_pair_once_and_shows_the_fingerprint(tmp_path: Path) -> None:
    made = run(tmp_path, "keygen", "team.pem")
    assert (made.returncode, made.stderr) == (0, "")
    assert keys.fingerprint(tmp_path / "team.pub") in made.stdout
    before = (tmp_path / "team.pem").read_bytes()
    assert run(tmp_path, "keygen", "team.pem").returncode == 2
    assert (tmp_path / "team.pem").read_bytes() == before


def test_keygen_takes_the_passphrase_from_the_environment(tmp_path: Path) -> None:
    made = run(tmp_path, "keygen", "team.pem", "--passphrase", XLFORGET_KEY_PASSPHRASE="zorvana")
    assert made.returncode == 0
    assert "zorvana" not in made.stdout + made.stderr
    assert keys.load_private(tmp_path / "team.pem", b"zorvana")


@pytest.mark.parametrize("name", ["audit.json", "audit.dsse.json"])
def test_report_renders_the_audit_and_the_signed_statement_alike(signed: Path, tmp_path: Path, name: str) -> None:
    assert run(tmp_path, "report", str(signed / name), "-o", "again.html").returncode == 0
    assert (tmp_path / "again.html").read_bytes() == (signed / "audit.html").read_bytes()


def test_report_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    assert run(tmp_path, "report", "x.json").returncode == 3
    assert run(tmp_path, "report", "none.json").returncode == 2
    assert not (tmp_path / "report.html").exists()
