"""Keys and passphrases as commands ask for them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from xlforget.errors import UsageError

if TYPE_CHECKING:
    from xlforget.artifact.attestation import Trusted


def required_key(key: Path | None, variable: str) -> Path:
    """The key of the option or the environment. UsageError NO_KEY: neither is given."""
    if key is None:
        private = variable == "XLFORGET_KEY"
        where = "Make a pair with `xlforget keygen`" if private else "Ask whoever signed for their public key"
        raise UsageError(
            f"No {'private' if private else 'public'} key is given.",
            do=f"{where}, then give --key or set {variable}.",
            code="NO_KEY",
        )
    return key


def passphrase_for(private: Path, variable: str = "XLFORGET_KEY_PASSPHRASE") -> bytes | None:
    """The passphrase of an encrypted key, from the environment or a prompt; None for a key that has none."""
    from xlforget.artifact import keys

    if not keys.is_encrypted(private):
        return None
    return os.environ.get(variable, "").encode() or typer.prompt("Passphrase", hide_input=True, err=True).encode()


def signing_certificate(sign: str, certificate: Path | None) -> Path | None:
    """The certificate to sign with, None to sign with the key alone. UsageError SIGN: the options do not fit."""
    if sign not in ("key", "certificate", "sigstore"):
        raise UsageError(f"There is no way of signing called {sign!r}.", do="Choose key, certificate or sigstore.", code="SIGN")
    if (sign == "certificate") != (certificate is not None):
        raise UsageError("--sign certificate and --certificate belong together.", do="Give both, or neither.", code="SIGN")
    return certificate


def trusted(key: Path | None, identity: str | None, issuer: str | None) -> "Trusted":
    """Whom `verify` trusts: a key or authority, or an identity with its issuer. UsageError IDENTITY: the options do not fit."""
    from xlforget.artifact.keyless import Identity

    if (identity is None) != (issuer is None):
        raise UsageError("--identity and --issuer belong together.", do="Give both, or --key.", code="IDENTITY")
    if identity is not None and issuer is not None:
        return Identity(identity, issuer)
    return required_key(key, "XLFORGET_PUBKEY")
