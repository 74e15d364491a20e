"""The two signatures of a model folder, each closed against what its library lets pass.

``model.sig`` is an OpenSSF model signature over every other file, so that anybody's ``model_signing verify key``
accepts the folder. ``audit.dsse.json`` is an in-toto Statement v1 in a DSSE envelope: the audit, bound to the digests
of the files that were there when it was signed. Nothing in a payload is read before its signature is good, and the
trusted key is given by the caller, never taken from the folder.
"""

import base64
import binascii
import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlforget.artifact import certificates, keyless, keys, strict_json
from xlforget.artifact.folder import digests
from xlforget.artifact.keyless import Identity
from xlforget.artifact.policy import walk
from xlforget.errors import IntegrityError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

MODEL_SIGNATURE = "model.sig"
AUDIT_ENVELOPE = "audit.dsse.json"
AUDIT_TYPE = "urn:xlforget:attestation:unlearning-audit:v1"
MODEL_TYPE = "https://model_signing/signature/v1.0"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BUNDLE = 16 << 20
# What a signer may have listed as ignored without leaving a file of ours unprotected: no folder of ours holds them.
HARMLESS_IGNORED = frozenset({MODEL_SIGNATURE, ".git", ".gitignore", ".gitattributes", ".github"})


Trusted = Path | Identity


def sign_model(root: Path, private: Path | None, passphrase: bytes | None = None, chain: Path | None = None) -> None:
    """Write ``model.sig`` over every other file of ``root``.

    ``chain``: with the certificate of ``private``, not its hint. ``private`` None: without a key, through Sigstore.
    """
    signature = root / MODEL_SIGNATURE
    if private is None:
        keyless.sign_model(root, signature, _hashing())
        return
    keys.load_private(private, passphrase)
    config = _oms().signing.Config()
    if chain:
        certificates.check_pair(private, passphrase, chain)
        # The library takes the first certificate of the one and all of the other; the signer's own stands there twice.
        config.use_certificate_signer(private_key=private, signing_certificate=chain, certificate_chain=[chain])
    else:
        password = passphrase if keys.is_encrypted(private) else None
        config.use_elliptic_key_signer(private_key=private, password=password)
    config.set_hashing_config(_hashing()).sign(root, signature)
    # One spelling, so that not even a space in the signature file can be changed without being noticed.
    signature.write_bytes(strict_json.canonical(json.loads(signature.read_bytes())))


def signer(root: Path, trusted: Path) -> "EllipticCurvePublicKey":
    """The key that ``model.sig`` must verify with: the trusted one, or one that a trusted authority vouches for.

    Raises IntegrityError SIG_MISSING, BUNDLE_FORMAT, WRONG_KEY, CERTIFICATE.
    """
    bundle = _read_canonical(root, MODEL_SIGNATURE)
    with _format_named(MODEL_SIGNATURE):
        material, envelope = bundle["verificationMaterial"], bundle["dsseEnvelope"]
        expected = {"mediaType": BUNDLE_TYPE, "verificationMaterial": material, "dsseEnvelope": envelope}
        if bundle != expected or envelope["signatures"][0]["keyid"] != "":
            raise ValueError
        if certificates.is_authority(trusted):
            return certificates.signer_key(material, trusted, MODEL_SIGNATURE)
        hint, key = material["publicKey"]["hint"], keys.load_public(trusted)
        if not isinstance(hint, str) or material != {"publicKey": {"hint": hint}, "tlogEntries": []}:
            raise ValueError
    if hint != keys.fingerprint_of(key):
        raise _wrong_key(MODEL_SIGNATURE, hint, keys.fingerprint_of(key))
    return key


def verify_model(root: Path, trusted: Trusted) -> dict[str, str]:
    """Check ``model.sig`` and give the SHA-256 of every file it covers. Raises IntegrityError naming the files.

    ``trusted``: a public key, certificates of authorities, or an identity. Codes: those of `signer`, BAD_SIGNATURE,
    PREDICATE_TYPE, POLICY, MISMATCH, and those of the folder policy (symlinks, hidden files, unknown file types).
    """
    if isinstance(trusted, Identity):
        statement = _opened(root, MODEL_SIGNATURE, trusted, MODEL_TYPE)
    else:
        key = signer(root, trusted)
        statement = _open(_read_canonical(root, MODEL_SIGNATURE)["dsseEnvelope"], key, MODEL_SIGNATURE, MODEL_TYPE)
    signed = _resources(statement)
    _compare(signed.keys(), {entry.name for entry in walk(root, own_output=True)} - {MODEL_SIGNATURE})
    try:
        _verify_files(root, trusted)
    except Exception as error:  # the library raises whatever its parsers and cryptography raise
        _name_changed(root, signed)
        raise IntegrityError("BAD_SIGNATURE", f"{MODEL_SIGNATURE} does not verify", files=[MODEL_SIGNATURE]) from error
    return signed


def _verify_files(root: Path, trusted: Trusted) -> None:
    """By the library, which hashes every file and raises whatever its parsers and cryptography raise."""
    if isinstance(trusted, Identity):
        keyless.verify_files(root, root / MODEL_SIGNATURE, trusted, _hashing())
        return
    config = _oms().verifying.Config()
    if certificates.is_authority(trusted):
        config.use_certificate_verifier(certificate_chain=[trusted])
    else:
        config.use_elliptic_key_verifier(public_key=trusted)
    config.set_hashing_config(_hashing()).verify(root, root / MODEL_SIGNATURE)


def sign_audit(
    root: Path,
    audit: Mapping[str, Any],
    subject: Mapping[str, str],
    private: Path | None,
    passphrase: bytes | None = None,
) -> None:
    """Write ``audit.dsse.json``: ``audit`` said about the files in ``subject`` (name to SHA-256)."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": subject[name]}} for name in sorted(subject)],
        "predicateType": AUDIT_TYPE,
        "predicate": audit,
    }
    if private is None:
        (root / AUDIT_ENVELOPE).write_bytes(keyless.sign_statement(strict_json.canonical(statement)))
        return
    envelope = Envelope(strict_json.canonical(statement), PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(keys.load_private(private, passphrase)))
    (root / AUDIT_ENVELOPE).write_bytes(strict_json.canonical(envelope.to_dict()))


def verify_audit(root: Path, trusted: Trusted, name: str = AUDIT_ENVELOPE) -> tuple[dict[str, str], dict[str, Any]]:
    """Check the envelope ``name`` of a folder; its subject (name to SHA-256) and the audit. Same codes as ``verify_model``."""
    if isinstance(trusted, Identity):
        return _said(_opened(root, name, trusted, AUDIT_TYPE), name)
    key = signer(root, trusted) if certificates.is_authority(trusted) else keys.load_public(trusted)
    return open_audit(_read_canonical(root, name), key, name)


def open_audit(
    envelope: dict[str, Any], key: "EllipticCurvePublicKey", name: str = AUDIT_ENVELOPE
) -> tuple[dict[str, str], dict[str, Any]]:
    """Subject and audit of an envelope that ``key`` must have signed; ``name`` is the file it stands in."""
    return _said(_open(envelope, key, name, AUDIT_TYPE), name)


def _said(statement: dict[str, Any], name: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Subject and predicate of an audit's statement."""
    with _format_named(name):
        subject = {entry["name"]: entry["digest"]["sha256"] for entry in statement["subject"]}
        if not subject or len(subject) != len(statement["subject"]) or not isinstance(statement["predicate"], dict):
            raise ValueError
        return subject, statement["predicate"]


def compare_digests(signed: Mapping[str, str], found: Mapping[str, str], what: str) -> None:
    """Raise IntegrityError MISMATCH naming every file that differs between two lists of digests."""
    _compare(signed.keys(), found.keys())
    changed = sorted(name for name in signed if signed[name] != found[name])
    if changed:
        raise IntegrityError("MISMATCH", f"{what}: changed {', '.join(changed)}", files=changed)


def _oms() -> Any:
    """The model-signing library: a third of a second to import, so only where it is used; its API is untyped."""
    import model_signing

    return model_signing


def _hashing() -> Any:
    """SHA-256 of whole files, ignoring nothing but the signature itself: never the library's defaults."""
    config = _oms().hashing.Config().use_file_serialization(hashing_algorithm="sha256", allow_symlinks=False)
    return config.set_ignored_paths(paths=[MODEL_SIGNATURE], ignore_git_paths=False)


def _content(root: Path, name: str) -> bytes:
    path = root / name
    if path.is_symlink() or not path.is_file():
        raise IntegrityError("SIG_MISSING", f"{name} is missing", files=[name])
    return path.read_bytes() if path.stat().st_size <= MAX_BUNDLE else b""


def _read_canonical(root: Path, name: str) -> dict[str, Any]:
    content = _content(root, name)
    document = strict_json.parse(content, name)
    # The stock tool writes the same without spaces, its keys in another order.
    compact = json.dumps(document, separators=(",", ":")).encode()
    if not isinstance(document, dict) or content not in (strict_json.canonical(document), compact):
        raise IntegrityError("BUNDLE_FORMAT", f"{name}: not as xlforget writes it", files=[name])
    return document


def _open(envelope: dict[str, Any], public: "EllipticCurvePublicKey", name: str, predicate_type: str) -> dict[str, Any]:
    """The statement in a DSSE envelope, after its one signature was found good. ``name`` is the file it stands in."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import Error
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

    key = SSlibKey.from_crypto(public)
    with _format_named(name):
        payload, signature = _parts(envelope)
    if signature["keyid"] not in ("", key.keyid):
        raise _wrong_key(name, signature["keyid"], key.keyid)
    named = {**envelope, "signatures": [{"sig": signature["sig"], "keyid": key.keyid}]}
    try:
        Envelope.from_dict(named).verify([key], 1)
    except (Error, ValueError) as error:
        raise IntegrityError("BAD_SIGNATURE", f"{name}: the signature does not fit", files=[name]) from error
    return _statement(payload, name, predicate_type)


def _opened(root: Path, name: str, trusted: Identity, predicate_type: str) -> dict[str, Any]:
    """The statement in a Sigstore bundle, after its signature was found to be that of ``trusted``."""
    return _statement(keyless.open_bundle(_content(root, name), trusted, name), name, predicate_type)


def _statement(payload: bytes, name: str, predicate_type: str) -> dict[str, Any]:
    statement = strict_json.parse(payload, name)
    if not isinstance(statement, dict) or statement.get("_type") != STATEMENT_TYPE:
        raise IntegrityError("BUNDLE_FORMAT", f"{name}: not an in-toto statement", files=[name])
    if statement.get("predicateType") != predicate_type:
        raise IntegrityError("PREDICATE_TYPE", f"{name}: a statement of another kind", files=[name])
    return statement


def _parts(envelope: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """Payload and the one signature of an envelope; ValueError where anything is missing, added or spelt otherwise."""
    (signature,) = envelope["signatures"]
    payload = base64.b64decode(envelope["payload"], validate=True)
    raw = base64.b64decode(signature["sig"], validate=True)
    # base64 has several spellings for one value (unused bits of the last letter); only the usual one is taken.
    same = base64.b64encode(payload).decode() == envelope["payload"]
    same = same and base64.b64encode(raw).decode() == signature["sig"]
    known = envelope.keys() == {"payload", "payloadType", "signatures"} and signature.keys() == {"sig", "keyid"}
    if not same or not known or envelope["payloadType"] != PAYLOAD_TYPE or not isinstance(signature["keyid"], str):
        raise ValueError
    return payload, signature


def _resources(statement: dict[str, Any]) -> dict[str, str]:
    """Name to SHA-256 of the files that a model signature covers, if it covers them the way ours does."""
    with _format_named(MODEL_SIGNATURE):
        how, listed = statement["predicate"]["serialization"], statement["predicate"]["resources"]
        plain = how["method"] == "files" and how["hash_type"] == "sha256" and how["allow_symlinks"] is False
        if not plain or set(how.get("ignore_paths", [])) - HARMLESS_IGNORED:
            raise IntegrityError("POLICY", f"{MODEL_SIGNATURE} leaves files unprotected", files=[MODEL_SIGNATURE])
        signed = {entry["name"]: entry["digest"] for entry in listed if entry["algorithm"] == "sha256"}
        if not signed or len(signed) != len(listed):
            raise ValueError
        return signed


def _compare(signed: Any, found: Any) -> None:
    missing, added = sorted(signed - found), sorted(found - signed)
    if missing or added:
        parts = [f"{word} {', '.join(names)}" for word, names in (("missing", missing), ("added", added)) if names]
        raise IntegrityError("MISMATCH", f"not the files that were signed: {'; '.join(parts)}", files=missing + added)


def _name_changed(root: Path, signed: Mapping[str, str]) -> None:
    found = digests(root)
    found.pop(MODEL_SIGNATURE, None)
    compare_digests(signed, found, MODEL_SIGNATURE)


def _wrong_key(name: str, signed_by: str, trusted: str) -> IntegrityError:
    what = f"{name} was signed with another key ({signed_by[:16]}) than the trusted one ({trusted[:16]})"
    return IntegrityError("WRONG_KEY", what, files=[name])


@contextlib.contextmanager
def _format_named(name: str) -> Iterator[None]:
    """Whatever a malformed document raises while it is taken apart, as BUNDLE_FORMAT."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, binascii.Error) as error:
        raise IntegrityError("BUNDLE_FORMAT", f"{name}: not as xlforget writes it", files=[name]) from error
