"""Signed with a certificate of a local authority: who is trusted, until when, and by whose tools it can be checked."""

import base64
import datetime
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from xlforget.artifact import audit_file, keys, papers
from xlforget.artifact.papers import verify_papers
from xlforget.errors import IntegrityError, UsageError

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority in a folder, and one between it and the signers."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.issue(self.key, name, ca=True, by=None)
        (folder / f"{name}.pem").write_bytes(pem(self.certificate))
        self.path = folder / f"{name}.pem"

    def issue(self, key: Any, name: str, *, ca: bool = False, by: Any = ..., days: int = 30, usage: bool = True) -> Any:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer, signer = (self.certificate.subject, self.key) if by is ... else (subject, self.key)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(NOW - 90 * DAY).not_valid_after(NOW + days * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        flags = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
            False,
        )
        use = x509.KeyUsage(digital_signature=usage and not ca, key_cert_sign=ca, crl_sign=ca or not usage, **flags)
        return builder.add_extension(use, critical=True).sign(signer, hashes.SHA256())

    def signer(self, name: str, **how: Any) -> tuple[Path, Path]:
        """A private key and its certificate, in files."""
        pair = keys.keygen(self.folder / f"{name}.key")
        certificate = self.issue(keys.load_private(pair.private), name, **how)
        (self.folder / f"{name}.crt").write_bytes(pem(certificate))
        return pair.private, self.folder / f"{name}.crt"


def pem(certificate: Any) -> bytes:
    return bytes(certificate.public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def sign(signed: Path) -> Callable[[Path, Path], Path]:
    """Signs the finished folder again, with a certificate."""

    def again(private: Path, chain: Path) -> Path:
        audit = audit_file.read_audit((signed / "audit.json").read_bytes())
        for name in papers.PAPERS:
            (signed / name).unlink(missing_ok=True)
        papers.write_papers(signed, audit, private, None, chain)
        return signed

    return again


def refused(folder: Path, trusted: Path) -> IntegrityError:
    with pytest.raises(IntegrityError) as caught:
        verify_papers(folder, trusted)
    return caught.value


def test_the_authority_vouches_for_the_signer(authority: Authority, sign: Any, tmp_path: Path) -> None:
    folder = sign(*authority.signer("team"))
    assert verify_papers(folder, authority.path).passed
    command = ["verify", "certificate", folder, "--certificate_chain", authority.path, "--signature", folder / "model.sig"]
    done = subprocess.run([sys.executable, "-m", "model_signing", *map(str, command)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    other = tmp_path / "elsewhere"
    other.mkdir()
    assert refused(folder, Authority(other, "authority").path).code == "CERTIFICATE"


def test_an_authority_in_between_comes_with_the_signature(authority: Authority, sign: Any, tmp_path: Path) -> None:
    between = Authority(tmp_path, "between")
    between.certificate = authority.issue(between.key, "between", ca=True)
    private, leaf = between.signer("team")
    assert refused(sign(private, leaf), authority.path).code == "CERTIFICATE"
    leaf.write_bytes(leaf.read_bytes() + pem(between.certificate))
    assert verify_papers(sign(private, leaf), authority.path).passed


def test_a_certificate_that_has_expired_is_refused(authority: Authority, sign: Any) -> None:
    error = refused(sign(*authority.signer("team", days=-1)), authority.path)
    assert (error.code, error.files) == ("CERTIFICATE", ("model.sig",))
    assert "expired" in error.what


def test_a_certificate_that_is_not_for_signing_is_refused(authority: Authority, sign: Any) -> None:
    assert refused(sign(*authority.signer("team", usage=False)), authority.path).files == ("model.sig",)


def test_a_key_is_not_taken_for_a_certificate_nor_the_other_way(authority: Authority, sign: Any, pair: Any, signed: Path) -> None:
    assert refused(signed, authority.path).code == "BUNDLE_FORMAT"
    assert refused(sign(*authority.signer("team")), pair.public).code == "BUNDLE_FORMAT"


def test_a_changed_file_is_named(authority: Authority, sign: Any) -> None:
    folder = sign(*authority.signer("team"))
    (folder / "config.json").write_text("{}")
    assert refused(folder, authority.path).files == ("config.json",)


def test_an_audit_of_another_signer_of_the_same_authority_is_refused(authority: Authority, sign: Any, tmp_path: Path) -> None:
    """Two people under one authority: the model's signature of one does not carry the report of the other."""
    folder = sign(*authority.signer("one"))
    kept = tmp_path / "kept.json"
    shutil.copyfile(folder / "audit.dsse.json", kept)
    folder = sign(*authority.signer("other"))
    shutil.copyfile(kept, folder / "audit.dsse.json")
    from xlforget.artifact import attestation

    attestation.sign_model(folder, tmp_path / "other.key", None, tmp_path / "other.crt")
    assert refused(folder, authority.path).files == ("audit.dsse.json",)


@pytest.mark.parametrize("material", [{}, {"x509CertificateChain": {}}, {"x509CertificateChain": {"certificates": []}}])
def test_material_that_is_none_is_refused(authority: Authority, sign: Any, material: dict[str, Any]) -> None:
    folder = sign(*authority.signer("team"))
    document = json.loads((folder / "model.sig").read_bytes())
    document["verificationMaterial"] = material | {"tlogEntries": []}
    (folder / "model.sig").write_text(json.dumps(document, separators=(",", ":")))
    assert refused(folder, authority.path).code == "BUNDLE_FORMAT"


def test_a_certificate_of_another_key_signs_nothing(authority: Authority, sign: Any, tmp_path: Path) -> None:
    private, _ = authority.signer("one")
    _, certificate = authority.signer("other")
    with pytest.raises(UsageError):
        sign(private, certificate)
    (tmp_path / "x.pem").write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    with pytest.raises(UsageError):
        sign(private, tmp_path / "x.pem")


def bad_version(der: bytes) -> bytes:
    return der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1)


def bad_text(der: bytes) -> bytes:
    """A name that is no UTF-8: one library reads it, the other does not."""
    return der.replace(b"authority", b"author\xff\xff\xff", 1)


def bad_key_kind(der: bytes) -> bytes:
    kind = bytes.fromhex("06072a8648ce3d0201")
    return der.replace(kind, kind[:-1] + b"\x7f", 1)


@pytest.mark.parametrize("spoil", [bad_version, bad_text, bad_key_kind])
def test_a_signature_with_a_certificate_that_no_library_reads_is_refused(authority: Authority, sign: Any, spoil: Any) -> None:
    folder = sign(*authority.signer("team"))
    document = json.loads((folder / "model.sig").read_bytes())
    for entry in document["verificationMaterial"]["x509CertificateChain"]["certificates"]:
        der = base64.b64decode(entry["rawBytes"])
        assert spoil(der) != der
        entry["rawBytes"] = base64.b64encode(spoil(der)).decode()
    (folder / "model.sig").write_text(json.dumps(document, separators=(",", ":")))
    assert refused(folder, authority.path).files == ("model.sig",)


@pytest.mark.parametrize("spoil", [bad_version, bad_key_kind])
def test_nothing_is_signed_with_a_certificate_that_cannot_be_read(authority: Authority, sign: Any, spoil: Any) -> None:
    private, chain = authority.signer("team")
    (certificate,) = x509.load_pem_x509_certificates(chain.read_bytes())
    body = base64.encodebytes(spoil(certificate.public_bytes(serialization.Encoding.DER))).decode()
    chain.write_text(f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
    with pytest.raises(UsageError) as caught:
        sign(private, chain)
    assert caught.value.code == "CERTIFICATE"
