"""Keys: private ones stay private, wrong ones are named before any work is done."""

from pathlib import Path

import pytest

from xlforget.artifact import attestation, keys
from xlforget.artifact.keys import KeyPair
from xlforget.errors import UsageError


def code(path: Path, half: str, passphrase: bytes | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        keys.load_private(path, passphrase) if half == "private" else keys.load_public(path)
    return caught.value.code


def test_the_private_key_is_for_its_owner_only(pair: KeyPair) -> None:
    assert pair.private.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in pair.public.read_bytes()
    assert keys.fingerprint(pair.public) == pair.fingerprint


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.pub").write_text("somebody's")
    with pytest.raises(UsageError):
        keys.keygen(tmp_path / "a.pem")
    assert not (tmp_path / "a.pem").exists()


def test_a_protected_key_signs_with_its_passphrase_only(tmp_path: Path, base: Path) -> None:
    made = keys.keygen(tmp_path / "a.pem", b"zorvana")
    assert keys.is_encrypted(made.private)
    assert code(made.private, "private") == "KEY_PASSPHRASE"
    assert code(made.private, "private", b"wrong") == "KEY_PASSPHRASE"
    attestation.sign_model(base, made.private, b"zorvana")
    assert attestation.verify_model(base, made.public)


def test_a_passphrase_for_an_open_key_is_no_error(base: Path, pair: KeyPair) -> None:
    attestation.sign_model(base, pair.private, b"left in the environment")
    assert attestation.verify_model(base, pair.public)


def test_wrong_files_are_named_as_such(tmp_path: Path, pair: KeyPair) -> None:
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    junk, edwards, larger = tmp_path / "junk", tmp_path / "ed.pub", tmp_path / "p384.pub"
    junk.write_text("no key")
    for path, key in (
        (edwards, ed25519.Ed25519PrivateKey.generate()),
        (larger, ec.generate_private_key(ec.SECP384R1())),
    ):
        path.write_bytes(key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo))
    assert code(tmp_path / "none", "private") == code(tmp_path / "none", "public") == "KEY_MISSING"
    assert code(junk, "private") == code(junk, "public") == "KEY_TYPE"
    assert code(edwards, "public") == code(larger, "public") == "KEY_TYPE"
    assert code(pair.private, "public") == code(pair.public, "private") == "KEY_TYPE"
