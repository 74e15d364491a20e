"""``xlforget keygen``: makes the key pair that signs models."""

from pathlib import Path
from typing import Annotated

import typer

from xlforget.cli.console import out


def keygen(
    private: Annotated[Path, typer.Argument(metavar="KEY", help="Where to write the private key.")] = Path("xlforget.pem"),
    passphrase: Annotated[
        bool,
        typer.Option("--passphrase", help="Protect it; asked for, or taken from XLFORGET_KEY_PASSPHRASE."),
    ] = False,
) -> None:
    """Make a key pair: the private key (readable by you only) and beside it the public one, .pub.

    `apply` signs with the private key; `verify` needs the public one, had from you and not from a folder.
    """
    from xlforget.artifact import keys

    secret = keys.passphrase_from_environment() if passphrase else None
    if passphrase and secret is None:
        secret = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True).encode()
    pair = keys.keygen(private, secret)
    out.print(f"private key  {pair.private}", soft_wrap=True, highlight=False)
    out.print(f"public key   {pair.public}", soft_wrap=True, highlight=False)
    out.print(f"fingerprint  {pair.fingerprint}", soft_wrap=True, highlight=False)
