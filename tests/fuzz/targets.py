"""Every parser that takes bytes from strangers, as a function of bytes that may raise our own errors and nothing else."""

import base64
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from tests.artifact.test_certificates import Authority
from xlforget.artifact import (
    attestation,
    audit_file,
    certificates,
    commitments,
    configs,
    evidence,
    history,
    keyless,
    keys,
    private,
    provenance,
    safetensors_header,
    sealed,
    strict_json,
    tickets,
)
from xlforget.artifact.audit import Audit, Parent
from xlforget.corpus.texts import load_texts
from xlforget.errors import XlforgetError
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.parallel.translators import chat, endpoint, local_model, tmx
from xlforget.request.reader import read_request, read_texts

GOLDEN = Path(__file__).parents[1] / "golden/schema-2"
PASSED = GOLDEN / "passed"
KEY, OPENS = GOLDEN / "trusted.pub", GOLDEN / "opens-evidence.pem"


class Target(NamedTuple):
    """``run``: feed bytes to the parser. ``seeds``: good inputs to begin from. ``exits``: how it may refuse them."""

    run: Callable[[bytes], object]
    seeds: Sequence[bytes]
    exits: tuple[int, ...] = (2, 3)


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


@cache
def authority() -> Authority:
    return Authority(scratch(), "authority")


@cache
def certified() -> tuple[bytes, bytes]:
    """A chain in PEM, and a ``model.sig`` that was signed with it."""
    key, chain = authority().signer("signer")
    folder = scratch() / "certified"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    attestation.sign_model(folder, key, chain=chain)
    return chain.read_bytes(), (folder / attestation.MODEL_SIGNATURE).read_bytes()


def certificates_in_pem(content: bytes) -> object:
    """What `--key` and `--certificate` take: the authorities that are trusted, or the chain to sign with."""
    chain = file("chain.pem", content)
    file(attestation.MODEL_SIGNATURE, certified()[1])
    return certificates.load_chain(chain) and attestation.signer(scratch(), chain)


def certificate_signature(content: bytes) -> object:
    """The chain of certificates that comes with a signature."""
    file(attestation.MODEL_SIGNATURE, content)
    return attestation.signer(scratch(), authority().path)


@cache
def later() -> Audit:
    """A report that follows that of the golden folder."""
    audit = audit_file.read_any(PASSED / "audit.json")
    assert audit.output
    return audit.model_copy(update={"base": audit.output})


def follow(content: bytes, trusted: Path) -> object:
    folder = scratch() / "chain"
    (folder / "history").mkdir(parents=True, exist_ok=True)
    (folder / "history/0001.dsse.json").write_bytes(content)
    parent = Parent(audit=private.digest(content), key=keys.fingerprint(trusted))
    return history.read(folder, later().model_copy(update={"parent": parent}), [trusted])


def earlier_report(content: bytes) -> object:
    """A file of the history, as the next report names it."""
    return follow(content, KEY)


@cache
def own_public() -> Path:
    from cryptography.hazmat.primitives import serialization as ser

    public = keys.load_private(OPENS).public_key()
    return file("own.pub", public.public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo))


def earlier_audit(content: bytes) -> object:
    """What an earlier report says, signed by somebody whose key is trusted and who is not our friend."""
    document = strict_json.parse(content, "audit.json")
    attestation.sign_audit(scratch(), document if isinstance(document, dict) else {}, {"a": "0" * 64}, OPENS)
    return follow((scratch() / attestation.AUDIT_ENVELOPE).read_bytes(), own_public())


def ticket_report(content: bytes) -> object:
    """A ticket's own report in a batch, as the report over all names it."""
    folder, name = scratch() / "batch", "tickets/1/audit.dsse.json"
    if not folder.exists():
        shutil.copytree(GOLDEN / "batch", folder)
    (folder / name).write_bytes(content)
    audit = audit_file.read_any(folder / "audit.json")
    first, *rest = audit.tickets
    named = audit.model_copy(update={"tickets": (first.model_copy(update={"audit": private.digest(content)}), *rest)})
    signed = {
        f"tickets/{n}/{paper}": private.digest((folder / f"tickets/{n}/{paper}").read_bytes())
        for n in "12"
        for paper in tickets.PAPERS
    }
    return tickets.read(folder, named, signed, KEY)


@cache
def shipped_trust() -> object:
    """The authorities that sigstore ships, for a fuzzer has no network."""
    from sigstore.models import ClientTrustConfig

    return ClientTrustConfig.production(offline=True)


def sigstore_bundle(content: bytes) -> object:
    who = keyless.Identity("a@example.org", "https://example.org")
    with mock.patch.object(keyless, "_trust", shipped_trust):
        return keyless.open_bundle(content, who, "audit.dsse.json")


def likely_bundle(spoil: Callable[[bytes], bytes] = bytes) -> bytes:
    """A bundle of the form that Sigstore writes; nobody signed it. ``spoil``: what is done to its certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization as ser

    leaf, *_ = x509.load_pem_x509_certificates(certified()[0])
    raw = base64.b64encode(spoil(leaf.public_bytes(ser.Encoding.DER))).decode()
    hash_ = base64.b64encode(bytes(32)).decode()
    proof = {
        "logIndex": "1",
        "rootHash": hash_,
        "treeSize": "2",
        "hashes": [hash_],
        "checkpoint": {"envelope": "log\n2\nAAAA\n\n"},
    }
    entry = {
        "logIndex": "1", "logId": {"keyId": hash_}, "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": "1764000000", "inclusionPromise": {"signedEntryTimestamp": hash_},
        "inclusionProof": proof, "canonicalizedBody": base64.b64encode(b"{}").decode(),
    }  # fmt: skip
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"certificate": {"rawBytes": raw}, "tlogEntries": [entry]},
        "dsseEnvelope": json.loads(seed("passed/audit.dsse.json")),
    }
    return json.dumps(bundle).encode()


def memory(content: bytes) -> object:
    """The user's translations, of whoever made them."""
    return list(tmx.units(file("a.tmx", content)))


def parquet(content: bytes) -> object:
    return load_texts(str(file("a.parquet", content)))


@cache
def good_parquet() -> bytes:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": ["The mill is old."], "lang": ["en"]})
    pyarrow.parquet.write_table(table, scratch() / "good.parquet")
    return (scratch() / "good.parquet").read_bytes()


def endpoint_answer(content: bytes) -> object:
    return chat._content(endpoint._json(content))


def card(content: bytes) -> object:
    """The card of a model that somebody published."""
    file("README.md", content)
    return provenance.stated_licence(scratch()), provenance.stated_languages(scratch()), local_model.card_licence(scratch())


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
TMX = (
    b'<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE tmx SYSTEM "tmx14.dtd"><tmx version="1.4"><header/><body><tu>'
    b'<tuv xml:lang="en"><seg>She lives <bpt i="1">b</bpt><hi>in</hi> Tarnwick.</seg></tuv>'
    b'<tuv xml:lang="fr"><seg>Elle habite &#224; Tarnwick.</seg></tuv></tu></body></tmx>'
)
ANSWER = b'{"choices":[{"finish_reason":"stop","message":{"role":"assistant","content":"Elle habite"}}]}'
CARD = b"---\nlicense: mit\nlanguage:\n- en\n- pt-BR\nbase_model: &a [x]\ntags: *a\n---\n# A model\n"
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
        "certificates": Target(certificates_in_pem, [certified()[0] + authority().path.read_bytes()]),
        "certificate_signature": Target(certificate_signature, [certified()[1]]),
        "earlier_report": Target(earlier_report, [seed("passed/audit.dsse.json")]),
        "earlier_audit": Target(earlier_audit, [seed("passed/audit.json")]),
        "ticket_report": Target(ticket_report, [seed("batch/tickets/1/audit.dsse.json")]),
        "sigstore_bundle": Target(sigstore_bundle, [likely_bundle()]),
        "translation_memory": Target(memory, [TMX, TMX.replace(b"UTF-8", b"ISO-8859-1")]),
        "parquet": Target(parquet, [good_parquet()]),
        "endpoint_answer": Target(endpoint_answer, [ANSWER], exits=(4,)),
        "card": Target(card, [CARD]),
    }


def feed(target: Target, content: bytes) -> bool:
    """Run one input; True where it was taken, False where one of our own errors refused it."""
    try:
        target.run(content)
    except XlforgetError as error:
        if error.exit_code not in target.exits or not str(error):
            raise RuntimeError(f"{error.code} is not what a bad input deserves") from error
        return False
    return True
