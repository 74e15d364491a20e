"""Sigstore without a network: it says so with exit 4, before any work; what is no bundle of it is refused."""

from pathlib import Path

import pytest

from xlforget.artifact import attestation, keyless, papers
from xlforget.artifact.keyless import Identity
from xlforget.cli.asking import signing_certificate, trusted
from xlforget.errors import IntegrityError, MachineError, UsageError

WHO = Identity("team@example.org", "https://accounts.example.org")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No way out, and nothing that an earlier run may have cached."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("SIGSTORE_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


def test_no_identity_is_exit_4_before_any_work() -> None:
    with pytest.raises(MachineError) as caught:
        keyless.check()
    assert (caught.value.code, caught.value.exit_code) == ("SIGSTORE", 4)
    assert "SIGSTORE_ID_TOKEN" in caught.value.do


def test_no_network_is_exit_4_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", "a.b.c")
    with pytest.raises(MachineError) as caught:
        keyless.check()
    assert (caught.value.code, caught.value.exit_code) == ("SIGSTORE", 4)


def test_signing_without_a_network_leaves_no_signature(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", "a.b.c")
    (signed / "model.sig").unlink()
    with pytest.raises(MachineError):
        attestation.sign_model(signed, None)
    assert not (signed / "model.sig").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff"])
def test_what_is_no_bundle_is_refused(signed: Path, content: bytes) -> None:
    (signed / "model.sig").write_bytes(content)
    with pytest.raises(IntegrityError) as caught:
        papers.verify_papers(signed, WHO)
    assert (caught.value.code, caught.value.files) == ("BUNDLE_FORMAT", ("model.sig",))


def test_a_folder_signed_with_a_key_is_not_that_of_an_identity(signed: Path) -> None:
    with pytest.raises((IntegrityError, MachineError)) as caught:
        papers.verify_papers(signed, WHO)
    assert caught.value.code in ("BUNDLE_FORMAT", "SIGSTORE")


def test_options_that_do_not_fit_are_exit_2(tmp_path: Path) -> None:
    assert trusted(None, *WHO) == WHO
    for options in (("who", None), (None, "issuer"), (None, None)):
        with pytest.raises(UsageError):
            trusted(None, *options)
    for sign, certificate in (("gpg", None), ("certificate", None), ("key", tmp_path), ("sigstore", tmp_path)):
        with pytest.raises(UsageError):
            signing_certificate(sign, certificate)
