"""Trust in whoever an authority vouches for: EC P-256 certificates, for signing and for verifying.

The trusted file of `verify` holds a public key, or the certificates of authorities. With a certificate the key that
signed comes with the signature, and counts only once its chain leads to a trusted authority, today.
"""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlforget.artifact import keys
from xlforget.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.x509 import Certificate

MOST = 10
CERTIFICATE_DO = "Give the signing certificate in PEM, followed by those between it and the authority."


def is_authority(trusted: Path) -> bool:
    """Whether a trusted file holds certificates, and not a public key."""
    return b"BEGIN CERTIFICATE" in keys.read_public(trusted)


def load_chain(path: Path) -> "list[Certificate]":
    """The certificates of a PEM file. Raises UsageError CERTIFICATE."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(keys.read_public(path))
    except (ValueError, x509.InvalidVersion) as error:
        raise UsageError(f"{path.name}: not certificates in PEM", do=CERTIFICATE_DO, code="CERTIFICATE") from error
    return found[:MOST]


def check_pair(private: Path, passphrase: bytes | None, chain: Path) -> None:
    """Raise UsageError where ``private`` is not the key of the first certificate, or cannot sign with one."""
    if keys.is_encrypted(private):
        what = f"{private.name} is protected by a passphrase, and the signing library takes none with a certificate"
        raise UsageError(what, do="Give the key without one, or sign with --sign key.", code="KEY_PASSPHRASE")
    key = keys.load_private(private, passphrase).public_key()
    if _key(load_chain(chain)[0]) != key:
        raise UsageError(f"{chain.name} is not the certificate of {private.name}", do=CERTIFICATE_DO, code="CERTIFICATE")


def signer_key(material: Any, authorities: Path, name: str) -> "EllipticCurvePublicKey":
    """The key of the certificate in a signature's verification material, once its chain was found good.

    Raises IntegrityError CERTIFICATE: no chain to a trusted authority, not yet or no longer valid, not for signing, not P-256.
    Whatever is wrong with the material's form is a KeyError, TypeError or ValueError.
    """
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    chain = _unpacked(material)
    _check_chain(chain, load_chain(authorities), name)
    key = _key(chain[0])
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise _refused(name, "its key is not on P-256")
    return key


def _unpacked(material: Any) -> "list[Certificate]":
    from cryptography import x509

    entries = material["x509CertificateChain"]["certificates"]
    if set(material) != {"x509CertificateChain", "tlogEntries"} or material["tlogEntries"] or not 0 < len(entries) <= MOST:
        raise ValueError
    if any(set(entry) != {"rawBytes"} for entry in entries):
        raise ValueError
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(entry["rawBytes"], validate=True)) for entry in entries]
    except x509.InvalidVersion as error:
        raise ValueError from error


def _key(certificate: "Certificate") -> object:
    """The key of a certificate, None for one of a kind that is not known here."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _check_chain(chain: "Sequence[Certificate]", trusted: "Sequence[Certificate]", name: str) -> None:
    """By OpenSSL, as the library does; but at this moment, where the library asks for the day the certificate was made."""
    from OpenSSL import crypto

    store = crypto.X509Store()
    try:
        leaf, *between = [crypto.X509.from_cryptography(one) for one in chain]
        for one in trusted:
            store.add_cert(crypto.X509.from_cryptography(one))
        crypto.X509StoreContext(store, leaf, between).verify_certificate()
    except crypto.X509StoreContextError as error:
        raise _refused(name, str(error)) from error
    except crypto.Error as error:
        raise _refused(name, "OpenSSL cannot read it") from error


def _refused(name: str, why: str) -> IntegrityError:
    what = f"{name}: its certificate is not one that a trusted authority vouches for today ({why})"
    return IntegrityError("CERTIFICATE", what, files=[name])
