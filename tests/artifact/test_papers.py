"""The finished folder: accepted as it was signed, refused with the file's name in every other state."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from xlforget.artifact import attestation, audit_file, papers
from xlforget.artifact.audit import Audit
from xlforget.artifact.folder import digests, output_folder
from xlforget.artifact.keys import KeyPair
from xlforget.artifact.papers import verify_papers, write_papers
from xlforget.errors import IntegrityError

MakeAudit = Callable[..., Audit]
WriteModel = Callable[..., None]


def refused(folder: Path, public: Path, ticket: str | None = None) -> IntegrityError:
    with pytest.raises(IntegrityError) as caught:
        verify_papers(folder, public, ticket)
    assert caught.value.exit_code == 3
    return caught.value


def test_a_signed_folder_verifies(signed: Path, pair: KeyPair) -> None:
    found = verify_papers(signed, pair.public, "DSR-2026-0042")
    assert found.passed, [finding for finding in found.findings if not finding.ok]
    assert found.audit.result == "passed"
    assert found.audit.method.seed == 12345678901234567
    assert found.digests.keys() == {path.name for path in signed.iterdir()} - {"model.sig"}


def test_the_stock_verifier_accepts_the_folder(signed: Path, pair: KeyPair) -> None:
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(signed)]
    command += ["--public_key", str(pair.public), "--signature", str(signed / "model.sig")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_one_byte_changed_in_any_file_is_named(signed: Path, pair: KeyPair) -> None:
    for path in sorted(signed.iterdir()):
        whole = path.read_bytes()
        for place in {0, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
            for flip in (0x01, 0x20):
                path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
                error = refused(signed, pair.public)
                assert path.name in error.files, (path.name, place, error.code)
                assert path.name in error.what or path.name in str(error.files)
        path.write_bytes(whole)
    assert verify_papers(signed, pair.public).passed


def test_no_byte_of_the_signature_file_can_change(signed: Path, pair: KeyPair) -> None:
    path = signed / "model.sig"
    whole = path.read_bytes()
    for place in range(0, len(whole), 41):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])
        assert refused(signed, pair.public).files == ("model.sig",)


def add_text(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")


def add_hidden(folder: Path) -> None:
    (folder / ".gitattributes").write_text("x")


def add_git(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")


def add_empty(folder: Path) -> None:
    (folder / "extra").mkdir()


def add_link(folder: Path) -> None:
    (folder / "LICENSE").symlink_to(folder / "config.json")


def remove_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def rename_config(folder: Path) -> None:
    (folder / "config.json").rename(folder / "generation_config.json")


def remove_signature(folder: Path) -> None:
    (folder / "model.sig").unlink()


def remove_envelope(folder: Path) -> None:
    (folder / "audit.dsse.json").unlink()


def swap_envelopes(folder: Path) -> None:
    shutil.copy(folder / "audit.dsse.json", folder / "model.sig")


@pytest.mark.parametrize(
    ("tamper", "code", "name"),
    [
        (add_text, "MISMATCH", "notes.txt"),
        (add_hidden, "HIDDEN", ".gitattributes"),
        (add_git, "HIDDEN", ".git"),
        (add_empty, "EMPTY_FOLDER", "extra"),
        (add_link, "SYMLINK", "LICENSE"),
        (remove_config, "MISMATCH", "config.json"),
        (rename_config, "MISMATCH", "generation_config.json"),
        (remove_signature, "SIG_MISSING", "model.sig"),
        (remove_envelope, "MISMATCH", "audit.dsse.json"),
        (swap_envelopes, "BUNDLE_FORMAT", "model.sig"),
    ],
)
def test_tampering_is_named(signed: Path, pair: KeyPair, tamper: Callable[[Path], None], code: str, name: str) -> None:
    tamper(signed)
    error = refused(signed, pair.public)
    assert (error.code, name in error.files) == (code, True), error.files


def test_another_key_is_refused(signed: Path, other_pair: KeyPair) -> None:
    assert refused(signed, other_pair.public).code == "WRONG_KEY"


def test_an_audit_signed_with_another_key_is_refused(signed: Path, pair: KeyPair, other_pair: KeyPair) -> None:
    subject, audit = attestation.verify_audit(signed, pair.public)
    attestation.sign_audit(signed, audit, subject, other_pair.private)
    attestation.sign_model(signed, pair.private)
    error = refused(signed, pair.public)
    assert (error.code, error.files) == ("WRONG_KEY", ("audit.dsse.json",))


def test_an_audit_file_that_differs_from_the_signed_audit_is_refused(signed: Path, pair: KeyPair) -> None:
    document = json.loads((signed / "audit.json").read_bytes())
    document["request"]["facts"] = 4
    (signed / "audit.json").write_text(json.dumps(document))
    attestation.sign_model(signed, pair.private)
    assert refused(signed, pair.public).files == ("audit.json",)


def test_weights_swapped_under_a_signed_audit_are_named(signed: Path, base: Path, pair: KeyPair) -> None:
    shutil.copy(base / "model.safetensors", signed)
    attestation.sign_model(signed, pair.private)
    error = refused(signed, pair.public)
    assert (error.code, error.files) == ("MISMATCH", ("model.safetensors",))


def test_another_ticket_is_refused(signed: Path, pair: KeyPair) -> None:
    assert refused(signed, pair.public, "DSR-2026-0043").code == "TICKET"


def test_a_signed_but_untrue_verdict_is_not_a_pass(
    tmp_path: Path, base: Path, pair: KeyPair, audit_of: MakeAudit, write: WriteModel
) -> None:
    target = tmp_path / "out"
    with output_folder(target) as staging:
        write(staging)
        audit = audit_of(digests(base), digests(staging))
        tests = (audit.verdict.tests[0].model_copy(update={"p": 1e-6}), *audit.verdict.tests[1:])
        lie = audit.model_copy(update={"verdict": audit.verdict.model_copy(update={"tests": tests})})
        write_papers(staging, lie, pair.private)
    found = verify_papers(target, pair.public)
    assert not found.passed
    assert [finding.check for finding in found.findings if not finding.ok] == ["figures"]


@pytest.fixture
def failed(tmp_path: Path, base: Path, pair: KeyPair, audit_of: MakeAudit) -> Path:
    """The papers of a failed run: their statement is about the base, so it does not vouch for the papers themselves."""
    target = tmp_path / "tiny-forgotten.failed"
    with output_folder(target) as staging:
        write_papers(staging, audit_of(digests(base), None, leak="fr"), pair.private)
    return target


def test_a_failed_run_has_signed_papers_about_the_base(failed: Path, base: Path, pair: KeyPair) -> None:
    assert {path.name for path in failed.iterdir()} == {"audit.json", "audit.html", "audit.dsse.json", "model.sig"}
    assert not verify_papers(failed, pair.public).passed
    assert attestation.verify_audit(failed, pair.public)[0] == digests(base)
    shutil.copy(base / "model.safetensors", failed)
    attestation.sign_model(failed, pair.private)
    assert refused(failed, pair.public).files == ("model.safetensors",)


def test_an_edited_audit_of_a_failed_run_is_refused(failed: Path, pair: KeyPair) -> None:
    document = json.loads((failed / "audit.json").read_bytes())
    document["request"]["facts"] = 4
    (failed / "audit.json").write_text(json.dumps(document))
    attestation.sign_model(failed, pair.private)
    assert refused(failed, pair.public).code == "AUDIT_MISMATCH"


def test_a_missing_report_of_a_failed_run_is_named(failed: Path, pair: KeyPair) -> None:
    (failed / "audit.html").unlink()
    attestation.sign_model(failed, pair.private)
    error = refused(failed, pair.public)
    assert (error.code, error.files) == ("PAPER_MISSING", ("audit.html",))


def test_a_statement_about_other_files_is_refused(signed: Path, pair: KeyPair) -> None:
    subject, audit = attestation.verify_audit(signed, pair.public)
    attestation.sign_audit(signed, audit, subject | {"config.json": "0" * 64}, pair.private)
    attestation.sign_model(signed, pair.private)
    assert refused(signed, pair.public).files == ("config.json",)


def test_a_signature_does_not_make_code_acceptable(
    tmp_path: Path, base: Path, pair: KeyPair, audit_of: MakeAudit, write: WriteModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    write(target)
    (target / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(IntegrityError):
        write_papers(target, audit_of(digests(base), digests(target)), pair.private)
    with monkeypatch.context() as patch:
        patch.setattr(papers, "check_folder", lambda *_, **__: None)
        write_papers(target, audit_of(digests(base), digests(target)), pair.private)
    error = refused(target, pair.public)
    assert (error.code, error.files) == ("REMOTE_CODE", ("config.json",))


def test_nothing_memorised_is_a_pass_without_a_model(tmp_path: Path, base: Path, pair: KeyPair, audit_of: MakeAudit) -> None:
    target = tmp_path / "out"
    with output_folder(target) as staging:
        write_papers(staging, audit_of(digests(base), None, known=False), pair.private)
    found = verify_papers(target, pair.public)
    assert found.passed
    assert found.audit.result == "nothing memorised"


def test_files_that_the_audit_does_not_list_are_not_signed(
    tmp_path: Path, base: Path, pair: KeyPair, audit_of: MakeAudit, write: WriteModel
) -> None:
    write(tmp_path / "out")
    audit = audit_of(digests(base), digests(tmp_path / "out"))
    (tmp_path / "out" / "merges.txt").write_text("a b")
    with pytest.raises(IntegrityError) as caught:
        write_papers(tmp_path / "out", audit, pair.private)
    assert caught.value.files == ("merges.txt",)
    assert not (tmp_path / "out" / "model.sig").exists()


def test_an_audit_of_a_later_schema_is_refused_with_advice(signed: Path) -> None:
    document = json.loads((signed / "audit.json").read_bytes()) | {"schemaVersion": "3"}
    with pytest.raises(IntegrityError) as caught:
        audit_file.from_document(document)
    assert (caught.value.code, bool(caught.value.do)) == ("AUDIT_SCHEMA", True)


def test_papers_name_every_file_they_write(signed: Path) -> None:
    model = {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"}
    assert {path.name for path in signed.iterdir()} - model == papers.PAPERS
