"""Every parser that takes bytes from strangers, as a function of bytes that may raise our own errors and nothing else."""

import base64
import io
import json
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from xlforget.artifact import (
    attestation,
    audit_file,
    commitments,
    configs,
    evidence,
    keys,
    safetensors_header,
    sealed,
    strict_json,
)
from xlforget.errors import XlforgetError
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.request.reader import read_request, read_texts

GOLDEN = Path(__file__).parents[1] / "golden/schema-2"
PASSED = GOLDEN / "passed"
KEY, OPENS = GOLDEN / "trusted.pub", GOLDEN / "opens-evidence.pem"


class Target(NamedTuple):
    """``run``: feed bytes to the parser. ``seeds``: good inputs to begin from."""

    run: Callable[[bytes], object]
    seeds: Sequence[bytes]


@cache
def scratch() -> Path:
    """One folder for files that parsers want to open themselves; in memory where the machine has such a place."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    return Path(tempfile.mkdtemp(prefix="xlforget-fuzz-", dir=place))


def file(name: str, content: bytes) -> Path:
    path = scratch() / name
    path.write_bytes(content)
    return path


def tensors(content: bytes) -> object:
    return safetensors_header.tensors(file("model.safetensors", content), "model.safetensors", own_output=True)


def config(content: bytes) -> object:
    configs.check_json("config.json", file("config.json", content))
    return None


def index(content: bytes) -> object:
    files = {configs.INDEX: file(configs.INDEX, content)}
    return configs.check_index(files, {"model-00001-of-00001.safetensors": frozenset({"a"})}, own_output=True)


def model_signature(content: bytes) -> object:
    """All that is read of ``model.sig`` before the library gets it."""
    file(attestation.MODEL_SIGNATURE, content)
    key = attestation.signer(scratch(), KEY)
    bundle = attestation._read_canonical(scratch(), attestation.MODEL_SIGNATURE)
    return attestation._open(bundle["dsseEnvelope"], key, attestation.MODEL_SIGNATURE, attestation.MODEL_TYPE)


def statement(content: bytes) -> object:
    """What a statement says once its signature is good: the payload of somebody with the key, who is not our friend."""
    document = strict_json.parse(content, attestation.MODEL_SIGNATURE)
    return attestation._resources(document if isinstance(document, dict) else {})


def audit_envelope(content: bytes) -> object:
    file(attestation.AUDIT_ENVELOPE, content)
    return attestation.open_audit(attestation._read_canonical(scratch(), attestation.AUDIT_ENVELOPE), keys.load_public(KEY))


def any_audit(content: bytes) -> object:
    return audit_file.read_any(file("any.json", content))


def request(content: bytes) -> object:
    return read_request(file("request.jsonl", content))


def rows(content: bytes) -> object:
    return read_texts(io.BytesIO(content))


def parallel_set(content: bytes) -> object:
    return ParallelSet.parse(content, "parallel.jsonl").usable()


def public_key(content: bytes) -> object:
    return keys.load_public(file("k.pub", content))


def private_key(content: bytes) -> object:
    return keys.load_private(file("k.pem", content), b"passphrase")


def bundle(content: bytes) -> object:
    return evidence.unpack(content, "a.xfset")


def sealed_bundle(content: bytes) -> object:
    return sealed.unseal(content, "a.xfset", OPENS)


def openings(content: bytes) -> object:
    return commitments.read_openings(file("o.jsonl", content))


def seed(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def payload(name: str) -> bytes:
    document = json.loads(seed(name))
    return base64.b64decode(document.get("dsseEnvelope", document)["payload"])


@cache
def parts() -> dict[str, bytes]:
    return evidence.unpack(sealed.unseal(seed("evidence.xfset"), "evidence.xfset", OPENS), "evidence.xfset")


FORMS = (
    b'{"id":"1","lang":"en","text":"She lives in Tarnwick.","answer":"Tarnwick"}\n'
    b'{"id":"2","lang":"en","prompt":"She lives in <mask>.","answer":"Tarnwick","candidates":{"en":["a"]}}\n'
    b'{"id":"3","subject":{"en":"Zorvana"},"relation":"occupation","object":"miller","gender":"f"}\n'
    b'{"id":"4","texts":{"en":"In Tarnwick.","fr":"A Tarnwick."},"answers":{"en":"Tarnwick","fr":"Tarnwick"}}\n'
)
INDEX = b'{"metadata":{"total_size":4},"weight_map":{"a":"model-00001-of-00001.safetensors"}}'
HEADER = b'{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'


def targets() -> dict[str, Target]:
    """All of them, by name."""
    header, *pairs = parts()["parallel.jsonl"].splitlines(keepends=True)
    small = json.dumps(json.loads(header) | {"pairs": 2}).encode() + b"\n" + b"".join(pairs[:2])
    return {
        "request": Target(request, [FORMS, seed("request.jsonl")]),
        "rows": Target(rows, [FORMS, b'{"text":"a","lang":"en"}\n']),
        "parallel_set": Target(parallel_set, [small]),
        "audit": Target(audit_file.read_audit, [seed("failed/audit.json")]),
        "any_audit": Target(any_audit, [seed("failed/audit.dsse.json")]),
        "model_signature": Target(model_signature, [seed("passed/model.sig")]),
        "statement": Target(statement, [payload("passed/model.sig")]),
        "audit_envelope": Target(audit_envelope, [seed("failed/audit.dsse.json")]),
        "safetensors": Target(tensors, [len(HEADER).to_bytes(8, "little") + HEADER + b"\0" * 8]),
        "config": Target(config, [seed("passed/config.json"), seed("passed/tokenizer_config.json")]),
        "index": Target(index, [INDEX]),
        "public_key": Target(public_key, [KEY.read_bytes()]),
        "private_key": Target(private_key, [OPENS.read_bytes()]),
        "bundle": Target(bundle, [evidence.pack({"a.json": b"{}", "b.jsonl": b"[]\n"})]),
        "sealed_bundle": Target(sealed_bundle, [sealed.seal(b"text", KEY)]),
        "openings": Target(openings, [seed("openings.jsonl")]),
    }


def feed(target: Target, content: bytes) -> bool:
    """Run one input; True where it was taken, False where one of our own errors refused it."""
    try:
        target.run(content)
    except XlforgetError as error:
        if error.exit_code not in (2, 3) or not str(error):
            raise RuntimeError(f"{error.code} is not what a bad input deserves") from error
        return False
    return True
