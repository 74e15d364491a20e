"""Holes of the signing library that must stay closed: each folder here passes the library's own verification."""

import base64
import json
from pathlib import Path
from typing import Any

import model_signing as oms
import pytest

from xlforget.artifact import attestation, strict_json
from xlforget.artifact.keys import KeyPair
from xlforget.errors import IntegrityError


def stock_sign(root: Path, pair: KeyPair, hashing: Any = None) -> None:
    config = oms.signing.Config().use_elliptic_key_signer(private_key=pair.private)
    config.set_hashing_config(hashing or oms.hashing.Config().set_ignored_paths(paths=["model.sig"]))
    config.sign(root, root / "model.sig")
    signature = root / "model.sig"
    signature.write_bytes(strict_json.canonical(json.loads(signature.read_bytes())))


def stock_verify(root: Path, pair: KeyPair) -> None:
    oms.verifying.Config().use_elliptic_key_verifier(public_key=pair.public).verify(root, root / "model.sig")


def refused(root: Path, pair: KeyPair) -> IntegrityError:
    with pytest.raises(IntegrityError) as caught:
        attestation.verify_model(root, pair.public)
    return caught.value


def test_a_signature_of_the_library_itself_is_accepted(base: Path, pair: KeyPair) -> None:
    stock_sign(base, pair)
    assert attestation.verify_model(base, pair.public).keys() == {path.name for path in base.iterdir()} - {"model.sig"}


def test_files_that_the_signer_chose_to_ignore_are_refused(base: Path, pair: KeyPair) -> None:
    stock_sign(base, pair, oms.hashing.Config().set_ignored_paths(paths=["model.sig", "config.json"]))
    (base / "config.json").write_text("{}")
    stock_verify(base, pair)
    assert refused(base, pair).code == "POLICY"


def test_added_git_files_are_refused(base: Path, pair: KeyPair) -> None:
    stock_sign(base, pair)
    (base / ".gitattributes").write_text("x")
    stock_verify(base, pair)
    assert (refused(base, pair).code, refused(base, pair).files) == ("HIDDEN", (".gitattributes",))


@pytest.mark.parametrize("way", ["blake3", "shards"])
def test_another_way_of_hashing_is_refused(base: Path, pair: KeyPair, way: str) -> None:
    hashing = oms.hashing.Config()
    if way == "shards":
        hashing.use_shard_serialization()
    else:
        hashing.use_file_serialization(hashing_algorithm="blake3")
    stock_sign(base, pair, hashing.set_ignored_paths(paths=["model.sig"]))
    assert refused(base, pair).code == "POLICY"


def test_a_bundle_without_a_key_hint_is_refused(base: Path, pair: KeyPair, capsys: pytest.CaptureFixture[str]) -> None:
    stock_sign(base, pair)
    bundle = json.loads((base / "model.sig").read_bytes())
    del bundle["verificationMaterial"]["publicKey"]["hint"]
    (base / "model.sig").write_bytes(strict_json.canonical(bundle))
    stock_verify(base, pair)
    capsys.readouterr()
    assert refused(base, pair).code == "BUNDLE_FORMAT"
    assert capsys.readouterr().out == ""


def test_an_audit_in_the_place_of_the_model_signature_is_refused(base: Path, pair: KeyPair) -> None:
    attestation.sign_model(base, pair.private)
    bundle = json.loads((base / "model.sig").read_bytes())
    attestation.sign_audit(base, {"result": "passed"}, {"a": "0"}, pair.private)
    envelope = json.loads((base / "audit.dsse.json").read_bytes())
    envelope["signatures"][0]["keyid"] = ""
    (base / "model.sig").write_bytes(strict_json.canonical({**bundle, "dsseEnvelope": envelope}))
    assert refused(base, pair).code == "PREDICATE_TYPE"


def test_a_payload_under_a_good_looking_signature_is_refused(base: Path, pair: KeyPair) -> None:
    attestation.sign_audit(base, {"result": "failed"}, {"a": "0"}, pair.private)
    envelope = json.loads((base / "audit.dsse.json").read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b"failed", b"passed")
    envelope["payload"] = base64.b64encode(payload).decode()
    (base / "audit.dsse.json").write_bytes(strict_json.canonical(envelope))
    with pytest.raises(IntegrityError) as caught:
        attestation.verify_audit(base, pair.public)
    assert (caught.value.code, caught.value.files) == ("BAD_SIGNATURE", ("audit.dsse.json",))


def test_another_spelling_of_the_same_signature_is_refused(base: Path, pair: KeyPair) -> None:
    """A space, or the unused bits of base64's last letter: nothing that changes what was signed, and yet a change."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    seen = set()
    for length in range(12):
        attestation.sign_audit(base, {"pad": "x" * length}, {"a": "0"}, pair.private)
        path = base / "audit.dsse.json"
        envelope = json.loads(path.read_bytes())
        path.write_bytes(path.read_bytes() + b" ")
        assert audit_refused(base, pair) == "BUNDLE_FORMAT"
        for name, holder in (("payload", envelope), ("sig", envelope["signatures"][0])):
            text = holder[name]
            body = text.rstrip("=")
            if body != text:
                other = letters[letters.index(body[-1]) ^ 1]
                holder[name] = body[:-1] + other + text[len(body) :]
                assert base64.b64decode(holder[name]) == base64.b64decode(text)
                path.write_bytes(strict_json.canonical(envelope))
                assert audit_refused(base, pair) == "BUNDLE_FORMAT"
                holder[name] = text
                seen.add(name)
    assert seen == {"payload", "sig"}


def audit_refused(root: Path, pair: KeyPair) -> str:
    with pytest.raises(IntegrityError) as caught:
        attestation.verify_audit(root, pair.public)
    return caught.value.code


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b'{"a":1,"a":1}'])
def test_junk_is_refused_with_a_code(base: Path, pair: KeyPair, content: bytes) -> None:
    (base / "model.sig").write_bytes(content)
    assert refused(base, pair).code in {"BUNDLE_FORMAT", "BAD_JSON", "DUP_KEY"}


def test_every_field_of_a_bundle_may_be_missing_or_of_any_type(base: Path, pair: KeyPair) -> None:
    attestation.sign_model(base, pair.private)
    whole = json.loads((base / "model.sig").read_bytes())
    for path in places(whole):
        for value in (None, 1, "x", [], {}, [None], {"keyid": ""}):
            broken = json.loads(json.dumps(whole))
            holder = broken
            for step in path[:-1]:
                holder = holder[step]
            if holder[path[-1]] == value:
                continue
            holder[path[-1]] = value
            (base / "model.sig").write_bytes(strict_json.canonical(broken))
            assert refused(base, pair).files == ("model.sig",)


def places(document: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value in a JSON document."""
    items: Any = document.items() if isinstance(document, dict) else enumerate(document)
    found = []
    for key, value in items:
        found.append((*prefix, key))
        if isinstance(value, dict | list):
            found += places(value, (*prefix, key))
    return found
