"""Signing keys: EC P-256, PEM, the private half readable by its owner only. ``cryptography`` is imported on use."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xlforget.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

PASSPHRASE_VARIABLE = "XLFORGET_KEY_PASSPHRASE"
MAX_KEY_BYTES = 64 << 10

KEYGEN_DO = "Make a key pair with `xlforget keygen`."


class KeyPair(NamedTuple):
    """Where a new pair was written, and the public key's fingerprint (SHA-256 of its PEM, as signatures carry it)."""

    private: Path
    public: Path
    fingerprint: str


def keygen(private: Path, passphrase: bytes | None = None) -> KeyPair:
    """Write a new private key to ``private`` (mode 0600) and the public one beside it as ``.pub``. Never overwrites."""
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric import ec

    public = private.with_suffix(".pub")
    for path in (private, public):
        if path.exists() or path.is_symlink():
            raise UsageError(f"{path.name} already exists", do="Choose another name.", code="KEY_EXISTS")
    key = ec.generate_private_key(ec.SECP256R1())
    lock = pem.BestAvailableEncryption(passphrase) if passphrase else pem.NoEncryption()
    _write_new(private, key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, lock), 0o600)
    _write_new(public, _public_pem(key.public_key()), 0o644)
    return KeyPair(private, public, fingerprint_of(key.public_key()))


def _write_new(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)


def is_encrypted(private: Path) -> bool:
    """True where a passphrase is needed."""
    return b"ENCRYPTED" in _read(private, "private")


def passphrase_from_environment() -> bytes | None:
    """The passphrase in XLFORGET_KEY_PASSPHRASE, if any."""
    return os.environ.get(PASSPHRASE_VARIABLE, "").encode() or None


def load_private(private: Path, passphrase: bytes | None = None) -> "EllipticCurvePrivateKey":
    """The private key. Raises UsageError KEY_MISSING, KEY_TYPE or KEY_PASSPHRASE, before any work is done."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _read(private, "private")
    if b"ENCRYPTED" in content and not passphrase:
        raise UsageError(
            f"{private.name} is protected by a passphrase",
            do=f"Give it when asked, or in the environment variable {PASSPHRASE_VARIABLE}.",
            code="KEY_PASSPHRASE",
        )
    try:
        key = load_pem_private_key(content, passphrase if b"ENCRYPTED" in content else None)
    except (ValueError, TypeError) as error:
        wrong = b"ENCRYPTED" in content
        what = "the passphrase does not open it" if wrong else "not a private key in PEM"
        raise UsageError(f"{private.name}: {what}", do=KEYGEN_DO, code="KEY_PASSPHRASE" if wrong else "KEY_TYPE") from error
    except Exception as error:  # the library's class for unknown curves and algorithms
        raise _wrong_type(private) from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise _wrong_type(private)
    return key


def read_public(path: Path) -> bytes:
    """The bytes of a file that holds a public key or certificates. Raises UsageError KEY_MISSING."""
    return _read(path, "public")


def load_public(public: Path) -> "EllipticCurvePublicKey":
    """The public key. Raises UsageError KEY_MISSING or KEY_TYPE."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _read(public, "public")
    try:
        key = load_pem_public_key(content)
    except Exception as error:  # ValueError, or the library's class for unknown curves and algorithms
        hint = " (this is a private key; give the .pub file)" if b"PRIVATE KEY" in content else ""
        raise UsageError(f"{public.name}: not a public key in PEM{hint}", do=KEYGEN_DO, code="KEY_TYPE") from error
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise _wrong_type(public)
    return key


def fingerprint(public: Path) -> str:
    """SHA-256 (hex) of the public key's PEM: what a signature names as its key, and what people compare."""
    return fingerprint_of(load_public(public))


def fingerprint_of(key: "EllipticCurvePublicKey") -> str:
    """The same for a key in memory."""
    return hashlib.sha256(_public_pem(key)).hexdigest()


def _public_pem(key: "EllipticCurvePublicKey") -> bytes:
    from cryptography.hazmat.primitives import serialization as pem

    return key.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)


def _read(path: Path, half: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_KEY_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read the {half} key {path.name}", do=KEYGEN_DO, code="KEY_MISSING") from error


def _wrong_type(path: Path) -> UsageError:
    return UsageError(f"{path.name}: not an EC key on P-256", do=KEYGEN_DO, code="KEY_TYPE")
