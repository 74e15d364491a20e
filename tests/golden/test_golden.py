"""Folders that earlier versions of the schema wrote: what was signed once verifies for good, with our tools and with stock ones.

They were written by ``make.py``; schema-1 by version 0.1.0.
"""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

from tests.commands import xlforget
from xlforget.artifact import keys
from xlforget.artifact.audit_file import shipped_schema

HERE = Path(__file__).parent
FOLDERS = [("schema-1/failed", 1), ("schema-2/failed", 1), ("schema-2/passed", 0), ("schema-2/batch", 0)]
NAMES = [name for name, _ in FOLDERS]


def verify(folder: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    return xlforget("verify", folder, "--key", folder.parent / "trusted.pub", *options, cwd=HERE.parents[1])


@pytest.mark.parametrize(("name", "code"), FOLDERS)
def test_it_verifies(name: str, code: int) -> None:
    done = verify(HERE / name, "--ticket", "T-1")
    assert done.returncode == code, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_stock_model_signing_accepts_it(name: str) -> None:
    folder = HERE / name
    command = ["verify", "key", folder, "--public_key", folder.parent / "trusted.pub", "--signature", folder / "model.sig"]
    done = subprocess.run([sys.executable, "-m", "model_signing", *map(str, command)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_stock_securesystemslib_verifies_the_audit(name: str) -> None:
    envelope = json.loads((HERE / name / "audit.dsse.json").read_bytes())
    key = SSlibKey.from_crypto(keys.load_public((HERE / name).parent / "trusted.pub"))
    Envelope.from_dict(json.loads(json.dumps(envelope))).verify([key], 1)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert statement["predicate"] == json.loads((HERE / name / "audit.json").read_bytes())
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode() + b" ").decode()
    with pytest.raises(VerificationError):
        Envelope.from_dict(envelope).verify([key], 1)


@pytest.mark.parametrize("name", [name for name in NAMES if "schema-2" in name])
def test_the_audit_fits_the_schema_that_is_shipped(name: str) -> None:
    import jsonschema

    jsonschema.Draft202012Validator(json.loads(shipped_schema())).validate(json.loads((HERE / name / "audit.json").read_bytes()))


def test_the_openings_open_it() -> None:
    options = ("--opening", HERE / "schema-2/openings.jsonl", "--fact", HERE / "schema-2/request.jsonl")
    assert verify(HERE / "schema-2/passed", *options).returncode == 0


SHIPPED = (HERE.parents[1] / "xlforget/measure/policy.toml").read_text("utf-8")
STRICT = SHIPPED.replace('name = "default"', 'name = "strict"').replace("required = []", 'required = ["structured"]')


@pytest.mark.parametrize(
    ("policy", "code", "said"),
    [
        (SHIPPED, 0, "the signed figures pass"),
        (STRICT, 1, "policy strict/structured: held-out wordings"),
        ('name = "empty"\nalpha = 0.01\n', 1, "the signed figures do not pass"),
        (SHIPPED.replace("0.98", '"0.98"'), 2, "damage.retain-ma.mean.at-least"),
    ],
)
def test_its_signed_figures_are_held_to_a_policy(tmp_path: Path, policy: str, code: int, said: str) -> None:
    (tmp_path / "policy.toml").write_text(policy, "utf-8")
    done = verify(HERE / "schema-2/passed", "--policy", tmp_path / "policy.toml")
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr


@pytest.mark.e2e
def test_its_weights_measured_again_give_the_signed_figures() -> None:
    evidence = ("--evidence", HERE / "schema-2/evidence.xfset", "--unseal", HERE / "schema-2/opens-evidence.pem")
    done = verify(HERE / "schema-2/passed", *evidence)
    assert done.returncode == 0, done.stdout + done.stderr
