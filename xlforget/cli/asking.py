"""Keys and passphrases as commands ask for them."""

import os
from pathlib import Path

import typer

from xlforget.errors import UsageError


def required_key(key: Path | None, variable: str) -> Path:
    """The key of the option or the environment. UsageError NO_KEY: neither is given."""
    if key is None:
        half = "private" if variable == "XLFORGET_KEY" else "public"
        raise UsageError(
            f"No {half} key is given.",
            do=f"Make a pair with `xlforget keygen`, then give --key or set {variable}.",
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
    if sign not in ("key", "certificate"):
        raise UsageError(f"There is no way of signing called {sign!r}.", do="Choose key or certificate.", code="SIGN")
    if (sign == "certificate") != (certificate is not None):
        raise UsageError("--sign certificate and --certificate belong together.", do="Give both, or neither.", code="SIGN")
    return certificate
