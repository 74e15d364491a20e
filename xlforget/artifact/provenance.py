"""What ties a report to code, facts and a parallel set without telling anything about them."""

import hashlib
import hmac
import re
import secrets
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from xlforget import __version__
from xlforget.artifact.audit import Tool

SALT_BYTES = 32
_SOURCES = (".py", ".toml", ".json", ".j2", ".txt")


def this_tool() -> Tool:
    """The running version, with the SHA-256 over the files of the package (names and contents, sorted by name)."""
    digest = hashlib.sha256()
    for name, content in sorted(_sources(resources.files("xlforget"), "")):
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(content).digest())
    return Tool(name="xlforget", version=__version__, source=digest.hexdigest())


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _sources(entry, f"{name}/")
        elif name.endswith(_SOURCES):
            found.append((name, entry.read_bytes()))
    return found


def opaque_ids(count: int) -> tuple[str, ...]:
    """Distinct random ids for facts, sorted: neither the id nor its place tells which line of the request it was."""
    found: set[str] = set()
    while len(found) < count:
        found.add(secrets.token_hex(8))
    return tuple(sorted(found))


def new_salt() -> bytes:
    """The random key of one parallel set's digest. It stays in the set: whoever has it can test guesses."""
    return secrets.token_bytes(SALT_BYTES)


def keyed_digest(salt: bytes, content: bytes) -> str:
    """HMAC-SHA256 (hex). A plain hash of a fact can be guessed (a million names take a second); this cannot.

    The length of the salt is fixed, because HMAC pads shorter keys with zeros and so has several keys for one digest.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"the salt must have {SALT_BYTES} bytes")
    return hmac.digest(salt, content, "sha256").hex()


def stated_licence(model_folder: Path) -> str | None:
    """The licence that a model's own card (``README.md``) states in its metadata block, if it has one."""
    stated = re.search(r"^license:[ \t]*[\"']?([A-Za-z0-9][A-Za-z0-9._+-]{0,99})", _card(model_folder), re.MULTILINE)
    return stated[1] if stated else None


def stated_languages(model_folder: Path) -> tuple[str, ...]:
    """The language codes that a model's own card lists in its metadata block; () where it lists none."""
    listed = re.search(r"^language:[ \t]*(.*(?:\r?\n[ \t]*-[ \t]*\S+)*)", _card(model_folder), re.MULTILINE)
    return tuple(re.findall(r"(?<![\w-])[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*(?![\w-])", listed[1])) if listed else ()


def _card(model_folder: Path) -> str:
    """The metadata block of a model's card; "" where there is none."""
    card = model_folder / "README.md"
    if not card.is_file():
        return ""
    block = re.match(r"---\r?\n(.*?)\r?\n---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    return block[1] if block else ""
