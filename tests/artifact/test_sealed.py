"""Sealed evidence: one key opens it, and what was changed opens for nobody."""

from pathlib import Path

import pytest

from xlforget.artifact import keys, sealed
from xlforget.artifact.keys import KeyPair
from xlforget.artifact.sealed import seal, unseal
from xlforget.errors import IntegrityError, UsageError

TEXT = b"Zorvana Quillfeather lives in Tarnwick." * 100


def test_its_key_opens_it_and_another_does_not(pair: KeyPair, other_pair: KeyPair) -> None:
    closed = seal(TEXT, pair.public)
    assert sealed.is_sealed(closed)
    assert b"Zorvana" not in closed
    assert unseal(closed, "a.xfset", pair.private) == TEXT
    assert seal(TEXT, pair.public) != closed
    with pytest.raises(IntegrityError) as caught:
        unseal(closed, "a.xfset", other_pair.private)
    assert (caught.value.code, caught.value.files) == ("SEAL", ("a.xfset",))
    with pytest.raises(UsageError):
        unseal(closed, "a.xfset", None)


def test_no_byte_of_it_can_be_changed_or_lost(pair: KeyPair) -> None:
    closed = seal(b"short", pair.public)
    for place in range(len(sealed.MAGIC), len(closed)):
        for other in (closed[:place] + bytes([closed[place] ^ 1]) + closed[place + 1 :], closed[:place]):
            with pytest.raises(IntegrityError):
                unseal(other, "a.xfset", pair.private)


def test_what_is_not_sealed_is_given_back(pair: KeyPair) -> None:
    assert unseal(b"PK plain", "a.xfset", None) == b"PK plain"


def test_a_key_with_a_passphrase_opens_it_too(tmp_path: Path) -> None:
    locked = keys.keygen(tmp_path / "dpo.pem", b"tarnwick")
    closed = seal(TEXT, locked.public)
    assert unseal(closed, "a.xfset", locked.private, b"tarnwick") == TEXT
    with pytest.raises(UsageError):
        unseal(closed, "a.xfset", locked.private, b"other")
