"""The reports of the tickets before this one, kept in the folder as they were signed: ``history/0001.dsse.json`` and on.

Each report names the one before it by its digest, and begins from the files that the one before it wrote. So the last
folder alone shows what was erased from this model, in which order, and by whose word.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from xlforget.artifact import attestation, audit_file, certificates, keys, private, strict_json
from xlforget.artifact.attestation import AUDIT_ENVELOPE
from xlforget.artifact.audit import Audit, Parent
from xlforget.errors import IntegrityError

FOLDER = "history"
MOST = 9999


class Earlier(NamedTuple):
    """A ticket before this one. ``digest``: SHA-256 of its ``audit.dsse.json``; ``key``: fingerprint of who signed it."""

    digest: str
    key: str
    audit: Audit

    def as_parent(self) -> Parent:
        return Parent(audit=self.digest, key=self.key, tickets=self.audit.names)

    @property
    def named(self) -> str:
        """Its tickets, for people."""
        return ", ".join(self.audit.names) or "without a number"


def is_history(name: str) -> bool:
    """Whether a file of a model folder belongs to the history."""
    return name.startswith(f"{FOLDER}/")


def names(length: int) -> list[str]:
    """The files of a history of so many tickets, oldest first."""
    return [f"{FOLDER}/{number:04}.dsse.json" for number in range(1, length + 1)]


def inherit(parent: Path, staging: Path) -> None:
    """Copy the parent's history to ``staging``, and add the parent's own report as the latest."""
    earlier = sorted((parent / FOLDER).glob("*.dsse.json")) if (parent / FOLDER).is_dir() else []
    (staging / FOLDER).mkdir()
    for name, source in zip(names(len(earlier) + 1), [*earlier, parent / AUDIT_ENVELOPE], strict=True):
        shutil.copyfile(source, staging / name)


def read(folder: Path, audit: Audit, trusted: Sequence[Path]) -> list[Earlier]:
    """The tickets before that of ``audit``, the latest first; [] where there is none.

    Raises IntegrityError CHAIN where one is missing, too many, signed by nobody in ``trusted``, or does not lead to the next.
    """
    found = sorted(path.name for path in (folder / FOLDER).iterdir()) if (folder / FOLDER).is_dir() else []
    listed = names(len(found))
    if len(found) > MOST or [f"{FOLDER}/{name}" for name in found] != listed:
        raise IntegrityError("CHAIN", f"{FOLDER}: files that no history has", files=[FOLDER])
    known = {keys.fingerprint(path): path for path in trusted if not certificates.is_authority(path)}
    earlier: list[Earlier] = []
    later = audit
    for name in reversed(listed):
        earlier.append(_linked(folder, name, later, known))
        later = earlier[-1].audit
    if later.parent is not None:
        raise IntegrityError("CHAIN", f"{FOLDER}: the report of an earlier ticket is missing", files=[FOLDER])
    return earlier


def _linked(folder: Path, name: str, later: Audit, known: dict[str, Path]) -> Earlier:
    """The report in ``name``, which must be the one that ``later`` follows."""

    def refuse(why: str) -> IntegrityError:
        return IntegrityError("CHAIN", f"{name}: {why}", files=[name])

    parent = later.parent
    if parent is None or parent.audit != private.digest((folder / name).read_bytes()):
        raise refuse("not the report that the next one follows")
    if parent.key not in known:
        raise refuse(f"signed with a key ({parent.key[:16]}) that is not trusted; give it with --parent-key")
    envelope = strict_json.read(folder / name, name)
    document = attestation.open_audit(envelope, keys.load_public(known[parent.key]), name)[1]
    audit = audit_file.from_document(document, name)
    if audit.output is None or audit.output.files != later.base.files:
        raise refuse("the model that it was written for is not the one that the next ticket began from")
    return Earlier(parent.audit, parent.key, audit)
