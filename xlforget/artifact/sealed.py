"""Evidence that only the data protection officer can read: HPKE (RFC 9180) to an EC P-256 key that `keygen` makes.

The seal hides; it does not say who sealed. That the content is the right one is what the digest in the signed report is for.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from xlforget.artifact import keys
from xlforget.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hpke import Suite

ALGORITHM = "HPKE-Base DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM"
MAGIC = b"xlforget-sealed/1\n"
INFO = b"xlforget/sealed-evidence/v1"


def seal(content: bytes, public: Path) -> bytes:
    """``content`` for the holder of the private half of ``public``. Raises UsageError for a key that cannot be used."""
    return MAGIC + _suite().encrypt(content, keys.load_public(public), INFO)


def is_sealed(content: bytes) -> bool:
    """Whether these bytes are a sealed bundle."""
    return content.startswith(MAGIC)


def unseal(content: bytes, name: str, private: Path | None, passphrase: bytes | None = None) -> bytes:
    """What was sealed; bytes that are not sealed are given back as they are.

    Raises UsageError UNSEAL where a key is needed and none is given, IntegrityError SEAL where it does not open them.
    """
    if not is_sealed(content):
        return content
    if private is None:
        raise UsageError(f"{name} is sealed", do="Give the private key that opens it with --unseal.", code="UNSEAL")
    from cryptography.exceptions import InvalidTag

    key = keys.load_private(private, passphrase)
    try:
        return _suite().decrypt(content[len(MAGIC) :], key, INFO)
    except (InvalidTag, ValueError) as error:
        what = f"{name}: this key does not open it, or it was changed"
        raise IntegrityError("SEAL", what, files=[name]) from error


def _suite() -> "Suite":
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    return Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
