"""`verify` as CI runs it: its outputs, the GitHub action, the GitLab job, and what its process never loads."""

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from xlforget.artifact import keys
from xlforget.artifact.findings import Finding
from xlforget.artifact.render.summary import summary

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/schema-2"
HEAVY = {"torch", "transformers", "datasets", "accelerate", "scipy"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A finished folder of this version, and the key that it must be verified with."""
    shutil.copytree(GOLDEN / "passed", tmp_path / "model-forgotten")
    shutil.copyfile(GOLDEN / "trusted.pub", tmp_path / "xlforget.pub")
    return tmp_path


def verify(place: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xlforget", "verify", "model-forgotten", *args]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("XLFORGET", "GITHUB"))}
    env = {**clean, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=False)


def test_plain_json_junit_and_summary_say_the_same(place: Path) -> None:
    (place / "summary.md").write_text("before\n")
    done = verify(
        place, "--key", "xlforget.pub", "--json", "v.json", "--junit", "v.xml", GITHUB_STEP_SUMMARY=str(place / "summary.md")
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((place / "v.json").read_text())
    suite = ET.parse(place / "v.xml").getroot()[0]
    text = (place / "summary.md").read_text()
    assert found["passed"]
    assert len(found["checks"]) == int(suite.get("tests", 0)) > 5
    assert f"{len(found['checks'])} of {len(found['checks'])} checks hold" in text
    assert f"{len(found['checks'])} of {len(found['checks'])} checks hold" in done.stdout
    assert text.startswith("before\n### xlforget verify: passed")


def test_a_folder_that_is_not_there_is_the_callers_mistake_and_no_tampering(place: Path) -> None:
    shutil.move(place / "model-forgotten", place / "elsewhere")
    done = verify(place, "--key", "xlforget.pub", "--junit", "v.xml")
    assert done.returncode == 2
    assert "There is no folder model-forgotten." in done.stderr
    assert ET.parse(place / "v.xml").getroot()[0].get("failures") == "1"


def test_a_folder_that_was_tampered_with_is_said_so_in_all_of_them(place: Path) -> None:
    (place / "model-forgotten/config.json").write_text("{}")
    done = verify(
        place, "--key", "xlforget.pub", "--json", "v.json", "--junit", "v.xml", GITHUB_STEP_SUMMARY=str(place / "summary.md")
    )
    assert done.returncode == 3
    assert "config.json" in done.stderr
    (check,) = json.loads((place / "v.json").read_text())["checks"]
    assert (check["ok"], check["code"], check["files"]) == (False, "MISMATCH", ["config.json"])
    assert "config.json" in (place / "v.xml").read_text()
    assert "NOT PASSED" in (place / "summary.md").read_text()
    assert "config.json" in (place / "summary.md").read_text()


def test_json_on_stdout_is_alone_there(place: Path) -> None:
    done = verify(place, "--key", "xlforget.pub", "--json", "-")
    assert json.loads(done.stdout)["passed"]
    assert "checks hold" in done.stderr


def test_the_key_comes_from_the_option_or_the_environment_and_never_from_the_folder(place: Path) -> None:
    shutil.copyfile(place / "xlforget.pub", place / "model-forgotten/xlforget.pub")
    assert verify(place).returncode == 2
    (place / "model-forgotten/xlforget.pub").unlink()
    assert verify(place, XLFORGET_PUBKEY="xlforget.pub").returncode == 0


def test_another_key_or_another_ticket_is_exit_3(place: Path) -> None:
    keys.keygen(place / "other.pem")
    assert verify(place, "--key", "other.pub").returncode == 3
    assert verify(place, "--key", "xlforget.pub", "--ticket", "T-2").returncode == 3


def test_its_process_loads_neither_torch_nor_transformers(place: Path) -> None:
    code = (
        "import sys\nfrom xlforget.cli.app import main\n"
        "try:\n    main(['verify', 'model-forgotten', '--key', 'xlforget.pub'])\nexcept SystemExit as leave:\n"
        "    print('LEFT', leave.code, *{name.partition('.')[0] for name in sys.modules})"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=place, env=env, capture_output=True, text=True, check=True)
    code_, *loaded = done.stdout.rsplit("LEFT", 1)[1].split()
    assert code_ == "0"
    assert not set(loaded) & HEAVY


def test_nothing_of_a_message_breaks_out_of_the_summary() -> None:
    text = summary([Finding("a|b", False, "C", "<script>[x](http://y)\n| **hi** `x` @you ::error::", ("f`|g",))], "d|e", "T|1")
    (row,) = [line for line in text.splitlines() if "script" in line]
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert "\\<script\\>\\[x\\]" in row
    assert "\\@you" in row


def test_long_lists_are_cut_and_failures_come_first() -> None:
    findings = [Finding(f"check {k}", k != 299, "C", "m") for k in range(300)]
    text = summary(findings, "d", None)
    assert "100 more checks are not shown" in text
    assert text.index("check 299") < text.index("check 0 ")


# The recipes for CI, by running their steps. The step that installs needs the network and was run by hand.


def shell(place: Path, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(["bash", "-e", "-c", script], cwd=place, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def runner(place: Path) -> Path:
    """What the install step leaves: a folder with the command in it."""
    command = place / "runner/xlforget-verify/bin/xlforget"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m xlforget "$@"\n')
    command.chmod(0o755)
    return place / "runner"


def action_step() -> dict[str, Any]:
    document = yaml.safe_load((ROOT / "action.yml").read_text())
    assert document["runs"]["using"] == "composite"
    (step,) = [step for step in document["runs"]["steps"] if step["name"] == "Verify"]
    return dict(step)


def given(step: dict[str, Any], inputs: dict[str, str]) -> dict[str, str]:
    """The step's environment, its inputs filled in as the runner does."""
    return {name: inputs[re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", value)[1]] for name, value in step["env"].items()}  # type: ignore[index]


def test_the_github_action(place: Path, runner: Path) -> None:
    step = action_step()
    assert "${{" not in step["run"], "an input in a script could bring commands along"
    inputs = {"folder": "model-forgotten", "key": "xlforget.pub", "ticket": "T-1", "junit": "v.xml", "json": "v.json"}
    run: Callable[..., subprocess.CompletedProcess[str]] = lambda inputs: shell(  # noqa: E731
        place, step["run"], RUNNER_TEMP=str(runner), GITHUB_STEP_SUMMARY=str(place / "s.md"), **given(step, inputs)
    )
    done = run(inputs)
    assert done.returncode == 0, done.stderr
    assert "passed" in (place / "s.md").read_text()
    assert run(inputs | {"ticket": ""}).returncode == 0
    assert run(inputs | {"ticket": "T-2"}).returncode == 3
    assert run(inputs | {"folder": "--help"}).returncode == 2


def test_the_gitlab_job_of_the_readme(place: Path) -> None:
    text = (ROOT / "README.md").read_text()
    block = re.search(r"# \.gitlab-ci\.yml\n((?:    .*\n|\n)+)", text)
    assert block
    job = yaml.safe_load(re.sub("^    ", "", block[1], flags=re.M))["verify-erasure"]
    *_, last = job["script"]
    assert shell(place, last.replace("xlforget verify", f"{sys.executable} -m xlforget verify")).returncode == 0
    assert (place / job["artifacts"]["reports"]["junit"]).is_file()
