"""Signing without a key: Sigstore vouches for an identity (a CI workflow, a mail address) in a public log. Needs the network.

The signatures are Sigstore bundles in the places of the others. NOT TESTED ONLINE: what is tested is that nothing goes on
without the network, and that what is no such bundle is refused.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

from xlforget.errors import IntegrityError, MachineError

TOKEN_VARIABLE = "SIGSTORE_ID_TOKEN"


class Identity(NamedTuple):
    """Whom to trust: who signed, and who says that it was them (an OpenID Connect issuer)."""

    identity: str
    issuer: str


def check() -> None:
    """Raise MachineError SIGSTORE, before any work is done, where no identity or no connection is at hand."""
    _token()
    _trust()


def sign_model(root: Path, signature: Path, hashing: Any) -> None:
    """Write ``model.sig`` over the files of ``root``, as model-signing does it."""
    token = _token()
    try:
        config = _oms().signing.Config().use_sigstore_signer(identity_token=token)
        config.set_hashing_config(hashing).sign(root, signature)
    except Exception as error:  # whatever the network, the certificate authority and the log answer
        raise _unreachable(error) from error


def sign_statement(statement: bytes) -> bytes:
    """A Sigstore bundle around an in-toto statement."""
    from sigstore.dsse import Statement
    from sigstore.oidc import IdentityToken
    from sigstore.sign import SigningContext

    context = SigningContext.from_trust_config(_trust())
    try:
        with context.signer(IdentityToken(_token(), "sigstore")) as signer:
            return signer.sign_dsse(Statement(statement)).to_json().encode()
    except Exception as error:
        raise _unreachable(error) from error


def open_bundle(content: bytes, trusted: Identity, name: str) -> bytes:
    """The payload of a bundle that ``trusted`` signed. Raises IntegrityError BUNDLE_FORMAT or BAD_SIGNATURE."""
    from sigstore.models import Bundle
    from sigstore.verify import Verifier
    from sigstore.verify.policy import Identity as Policy

    try:
        bundle = Bundle.from_json(content)
    except Exception as error:  # its parser raises what pydantic and cryptography raise
        raise IntegrityError("BUNDLE_FORMAT", f"{name}: not a Sigstore bundle", files=[name]) from error
    verifier = Verifier(trusted_root=_trust().trusted_root)
    try:
        return verifier.verify_dsse(bundle, Policy(identity=trusted.identity, issuer=trusted.issuer))[1]
    except Exception as error:  # VerificationError, and whatever cryptography raises on a certificate that it cannot read
        raise IntegrityError("BAD_SIGNATURE", f"{name}: not signed by the trusted identity", files=[name]) from error


def verify_files(root: Path, signature: Path, trusted: Identity, hashing: Any) -> None:
    """Hash the files against ``model.sig`` with model-signing, which raises what it will."""
    config = _oms().verifying.Config().use_sigstore_verifier(identity=trusted.identity, oidc_issuer=trusted.issuer)
    config.set_hashing_config(hashing).verify(root, signature)


def _oms() -> Any:
    """The model-signing library; its API is untyped."""
    import model_signing

    return model_signing


def _token() -> str:
    from sigstore.oidc import detect_credential

    try:
        token = os.environ.get(TOKEN_VARIABLE) or detect_credential("sigstore")
    except Exception as error:
        raise _unreachable(error) from error
    if not token:
        raise MachineError(
            "Nothing here says who signs.",
            do=f"Run in a CI system that Sigstore knows (id-token: write), or give a token in {TOKEN_VARIABLE}.",
            code="SIGSTORE",
        )
    return token


def _trust() -> Any:
    from sigstore.models import ClientTrustConfig

    try:
        return ClientTrustConfig.production()
    except Exception as error:
        raise _unreachable(error) from error


def _unreachable(error: Exception) -> MachineError:
    what = f"Sigstore could not be reached, or did not answer as expected ({type(error).__name__})."
    return MachineError(what, do="Check the network, or sign with --sign key.", code="SIGSTORE")
