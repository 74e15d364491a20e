"""Writes the golden folder of this version: run once for each schema version, then only ever verified.

    python tests/golden/make.py tests/golden/schema-2

The people in it are invented. The key that signed is thrown away; the one that opens the evidence is kept beside it.
"""

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import subprocess

from tests.e2e.conftest import make_place


def run(place: Path, *args: str, code: int = 0) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xlforget", *args], cwd=place, env={"PYTHONPATH": str(Path(__file__).parents[2])}, check=False
    )
    assert done.returncode == code, done


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        place = Path(work)
        make_place(place, layers=1)
        always = ("--model", "model", "--key", "k.pem", "--languages", "en,fr")
        common = ("apply", "request.jsonl", *always, "--ticket", "T-1")
        kept = ("--keep", "evidence.xfset", "--seal-to", "dpo.pub", "--openings", "openings.jsonl")
        run(place, *common, "--rounds", "6", "--lr", "6e-3", "--samples", "64", "--out", "passed", *kept)
        run(place, *common, "--rounds", "1", "--lr", "1e-6", "--samples", "0", "--out", "failed", code=1)
        (place / "failed.failed").rename(place / "failed")
        two = (place / "request.jsonl").read_text("utf-8").splitlines(keepends=True)
        (place / "a.jsonl").write_text("".join(two[:2]), "utf-8")
        (place / "b.jsonl").write_text("".join(two[2:]), "utf-8")
        batch = ("apply", "a.jsonl", "b.jsonl", *always, "--ticket", "T-1", "--ticket", "T-2", "--rounds", "6", "--lr", "6e-3")
        run(place, *batch, "--samples", "64", "--out", "batch")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in ("passed", "failed", "batch"):
            shutil.copytree(place / name, target / name)
        for name, to in (("k.pub", "trusted.pub"), ("dpo.pem", "opens-evidence.pem"), *((n, n) for n in kept[1::4])):
            shutil.copyfile(place / name, target / to)
        for name in ("openings.jsonl", "request.jsonl"):
            shutil.copyfile(place / name, target / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
