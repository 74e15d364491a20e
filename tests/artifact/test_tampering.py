"""Every way to tamper with a finished folder that we could think of: exit 3, and the file is named. None passes."""

import base64
import json
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.artifact.conftest import batch_of
from xlforget.artifact import attestation, audit_file, keys, papers, private, strict_json
from xlforget.artifact.folder import digests
from xlforget.artifact.keys import KeyPair
from xlforget.cli import app

Tamper = Callable[[Path], Any]
WEIGHTS, CONFIG, SIGNATURE, ENVELOPE = "model.safetensors", "config.json", "model.sig", "audit.dsse.json"


class Case:
    """One folder, the key that signed it, and one that did not."""

    def __init__(self, folder: Path, pair: KeyPair, other: KeyPair) -> None:
        self.folder, self.pair, self.other = folder, pair, other

    def path(self, name: str) -> Path:
        return self.folder / name

    def document(self, name: str) -> Any:
        return json.loads(self.path(name).read_bytes())

    def put(self, name: str, document: Any) -> None:
        self.path(name).write_bytes(strict_json.canonical(document))

    def payload(self, name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """The document, the envelope in it, and the statement in that."""
        document = self.document(name)
        envelope = document.get("dsseEnvelope", document)
        return document, envelope, json.loads(base64.b64decode(envelope["payload"]))

    def edit_payload(self, name: str, change: Callable[[dict[str, Any]], None], *, sign: bool) -> None:
        """Change a signed statement; ``sign``: as somebody with the trusted key would, who signs what verify must not take."""
        document, envelope, statement = self.payload(name)
        change(statement)
        content = strict_json.canonical(statement)
        envelope["payload"] = base64.b64encode(content).decode()
        if sign:
            kind = envelope["payloadType"]
            signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(content), content)
            from cryptography.hazmat.primitives import hashes
            from cryptography.hazmat.primitives.asymmetric import ec

            raw = keys.load_private(self.pair.private).sign(signed, ec.ECDSA(hashes.SHA256()))
            envelope["signatures"][0]["sig"] = base64.b64encode(raw).decode()
        self.put(name, document)

    def sign_again(self) -> None:
        attestation.sign_model(self.folder, self.pair.private)

    def sign_with_stock(self, **hashing: Any) -> None:
        """As the library does when nobody stops it."""
        import model_signing

        ignored = hashing.pop("ignored", ())
        config = model_signing.hashing.Config().use_file_serialization(**{"hashing_algorithm": "sha256", **hashing})
        config.set_ignored_paths(paths=[SIGNATURE, *ignored], ignore_git_paths=False)
        signer = model_signing.signing.Config().use_elliptic_key_signer(private_key=self.pair.private)
        self.path(SIGNATURE).unlink()
        signer.set_hashing_config(config).sign(self.folder, self.path(SIGNATURE))


@pytest.fixture
def case(signed: Path, pair: KeyPair, other_pair: KeyPair) -> Case:
    return Case(signed, pair, other_pair)


TAMPERINGS: dict[str, tuple[Callable[[Case], Any], str]] = {}


def tampering(named: str) -> Callable[[Callable[[Case], Any]], Callable[[Case], Any]]:
    """Register a tampering and the name that verify must print."""

    def register(function: Callable[[Case], Any]) -> Callable[[Case], Any]:
        TAMPERINGS[function.__name__] = (function, named)
        return function

    return register


def flip(path: Path, place: int) -> None:
    whole = bytearray(path.read_bytes())
    whole[place] ^= 1
    path.write_bytes(bytes(whole))


# Files changed, added, removed, renamed


@tampering(WEIGHTS)
def weights_changed_at_the_end(case: Case) -> None:
    flip(case.path(WEIGHTS), -1)


@tampering(WEIGHTS)
def weights_of_another_model(case: Case) -> None:
    shutil.copyfile(case.folder.parent / "tiny" / WEIGHTS, case.path(WEIGHTS))


@tampering(WEIGHTS)
def weights_with_a_tail(case: Case) -> None:
    with case.path(WEIGHTS).open("ab") as file:
        file.write(b"x")


@tampering(WEIGHTS)
def weights_emptied(case: Case) -> None:
    case.path(WEIGHTS).write_bytes(b"")


@tampering(CONFIG)
def config_changed(case: Case) -> None:
    case.put(CONFIG, case.document(CONFIG) | {"model_type": "llama"})


@tampering("tokenizer.json")
def tokenizer_changed(case: Case) -> None:
    flip(case.path("tokenizer.json"), 3)


@tampering("README.md")
def card_changed(case: Case) -> None:
    flip(case.path("README.md"), 10)


@tampering("audit.html")
def report_changed(case: Case) -> None:
    case.path("audit.html").write_text(case.path("audit.html").read_text().replace("FAIL", "PASS") + " ")


@tampering("audit.json")
def audit_changed(case: Case) -> None:
    flip(case.path("audit.json"), 20)


@tampering("notes.txt")
def file_added(case: Case) -> None:
    case.path("notes.txt").write_text("x")


@tampering("sub/notes.txt")
def file_added_in_a_folder(case: Case) -> None:
    case.path("sub").mkdir()
    case.path("sub/notes.txt").write_text("x")


@tampering("extra")
def empty_folder_added(case: Case) -> None:
    case.path("extra").mkdir()


@tampering(CONFIG)
def file_removed(case: Case) -> None:
    case.path(CONFIG).unlink()


@tampering("model-00001-of-00001.safetensors")
def file_renamed(case: Case) -> None:
    case.path(WEIGHTS).rename(case.path("model-00001-of-00001.safetensors"))


@tampering(CONFIG)
def two_files_exchanged(case: Case) -> None:
    one, other = case.path(CONFIG).read_bytes(), case.path("tokenizer_config.json").read_bytes()
    case.path(CONFIG).write_bytes(other)
    case.path("tokenizer_config.json").write_bytes(one)


# What the library ignores


@tampering(".git")
def git_folder_added(case: Case) -> None:
    case.path(".git/hooks").mkdir(parents=True)
    case.path(".git/hooks/post-checkout").write_text("x")


@tampering(".gitattributes")
def gitattributes_added(case: Case) -> None:
    case.path(".gitattributes").write_text("* filter=x")


@tampering(".gitignore")
def gitignore_added(case: Case) -> None:
    case.path(".gitignore").write_text("x")


@tampering(".github")
def github_folder_added(case: Case) -> None:
    case.path(".github").mkdir()
    case.path(".github/x.yml").write_text("x")


@tampering(SIGNATURE)
def signed_with_a_file_ignored(case: Case) -> None:
    case.sign_with_stock(ignored=[CONFIG])
    case.put(CONFIG, {"model_type": "llama"})


@tampering(SIGNATURE)
def signed_with_a_folder_ignored(case: Case) -> None:
    case.path("sub").mkdir()
    case.path("sub/x.json").write_text("{}")
    case.sign_with_stock(ignored=["sub"])


@tampering(SIGNATURE)
def signed_with_links_allowed(case: Case) -> None:
    case.edit_payload(SIGNATURE, lambda s: s["predicate"]["serialization"].update(allow_symlinks=True), sign=True)


@tampering(SIGNATURE)
def signed_with_another_hash(case: Case) -> None:
    case.sign_with_stock(hashing_algorithm="blake2")


# What is no plain file


@tampering(CONFIG)
def file_replaced_by_a_link(case: Case) -> None:
    case.path(CONFIG).rename(case.folder.parent / "config.json")
    case.path(CONFIG).symlink_to(case.folder.parent / "config.json")


@tampering("LICENSE")
def link_added(case: Case) -> None:
    case.path("LICENSE").symlink_to("/etc/hostname")


@tampering("more")
def link_to_a_folder_added(case: Case) -> None:
    case.path("more").symlink_to(case.folder.parent)


@tampering("pipe.json")
def pipe_added(case: Case) -> None:
    os.mkfifo(case.path("pipe.json"))


@tampering(r"a\nb.json")
def name_with_a_control_character(case: Case) -> None:
    case.path("a\nb.json").write_text("{}")


@tampering("pytorch_model.bin")
def pickle_added(case: Case) -> None:
    case.path("pytorch_model.bin").write_bytes(b"\x80\x04N.")


@tampering("modeling_x.py")
def code_added(case: Case) -> None:
    case.path("modeling_x.py").write_text("")


# The signature file


@tampering(SIGNATURE)
def signature_removed(case: Case) -> None:
    case.path(SIGNATURE).unlink()


@tampering(SIGNATURE)
def signature_emptied(case: Case) -> None:
    case.path(SIGNATURE).write_bytes(b"")


@tampering(SIGNATURE)
def signature_is_an_empty_object(case: Case) -> None:
    case.path(SIGNATURE).write_text("{}")


@tampering(SIGNATURE)
def signature_is_garbage(case: Case) -> None:
    case.path(SIGNATURE).write_bytes(os.urandom(500))


@tampering(SIGNATURE)
def signature_is_deeply_nested(case: Case) -> None:
    case.path(SIGNATURE).write_text("[" * 100_000)


@tampering(SIGNATURE)
def signature_nests_as_deep_as_a_parser_takes_it(case: Case) -> None:
    case.path(SIGNATURE).write_text('{"a":' + "[" * 900 + "]" * 900 + "}")


@tampering(SIGNATURE)
def signature_holds_half_a_character(case: Case) -> None:
    case.path(SIGNATURE).write_text('{"a":"\\ud800"}')


@tampering(SIGNATURE)
def signature_holds_an_endless_number(case: Case) -> None:
    case.path(SIGNATURE).write_text('{"a":1e999}')


@tampering(SIGNATURE)
def signature_without_signatures(case: Case) -> None:
    document = case.document(SIGNATURE)
    document["dsseEnvelope"]["signatures"] = []
    case.put(SIGNATURE, document)


@tampering(SIGNATURE)
def signature_twice(case: Case) -> None:
    document = case.document(SIGNATURE)
    document["dsseEnvelope"]["signatures"] *= 2
    case.put(SIGNATURE, document)


@tampering(SIGNATURE)
def signature_without_a_key_hint(case: Case) -> None:
    document = case.document(SIGNATURE)
    document["verificationMaterial"]["publicKey"] = {}
    case.put(SIGNATURE, document)


@tampering(SIGNATURE)
def signature_with_a_certificate_instead(case: Case) -> None:
    document = case.document(SIGNATURE)
    document["verificationMaterial"] = {"x509CertificateChain": {"certificates": [{"rawBytes": "AA=="}]}, "tlogEntries": []}
    case.put(SIGNATURE, document)


@tampering(SIGNATURE)
def signature_with_another_media_type(case: Case) -> None:
    case.put(SIGNATURE, case.document(SIGNATURE) | {"mediaType": "application/json"})


@tampering(SIGNATURE)
def signature_with_a_key_more(case: Case) -> None:
    case.put(SIGNATURE, case.document(SIGNATURE) | {"more": 1})


@tampering(SIGNATURE)
def signature_with_a_space_more(case: Case) -> None:
    case.path(SIGNATURE).write_bytes(case.path(SIGNATURE).read_bytes() + b"\n")


@tampering(SIGNATURE)
def signature_with_a_key_twice(case: Case) -> None:
    case.path(SIGNATURE).write_bytes(b'{"mediaType":"x",' + case.path(SIGNATURE).read_bytes()[1:])


@tampering(SIGNATURE)
def signature_bits_changed(case: Case) -> None:
    document = case.document(SIGNATURE)
    own = document["dsseEnvelope"]["signatures"][0]
    raw = bytearray(base64.b64decode(own["sig"]))
    raw[-1] ^= 1
    own["sig"] = base64.b64encode(bytes(raw)).decode()
    case.put(SIGNATURE, document)


@tampering(SIGNATURE)
def signature_payload_edited(case: Case) -> None:
    case.edit_payload(SIGNATURE, lambda s: s["predicate"]["resources"].pop(), sign=False)


@tampering(SIGNATURE)
def signature_of_another_type(case: Case) -> None:
    case.edit_payload(SIGNATURE, lambda s: s.update(predicateType="https://model_signing/Digests/v0.1"), sign=True)


@tampering(SIGNATURE)
def signature_lists_a_file_twice(case: Case) -> None:
    case.edit_payload(SIGNATURE, lambda s: s["predicate"]["resources"].append(s["predicate"]["resources"][0]), sign=True)


@tampering(SIGNATURE)
def signature_covers_shards_only(case: Case) -> None:
    case.edit_payload(SIGNATURE, lambda s: s["predicate"]["serialization"].update(method="shards"), sign=True)


@tampering("audit.dsse.json")
def signature_covers_no_audit(case: Case) -> None:
    case.path(ENVELOPE).unlink()
    case.sign_again()


@tampering(SIGNATURE)
def the_audits_envelope_in_its_place(case: Case) -> None:
    shutil.copyfile(case.path(ENVELOPE), case.path(SIGNATURE))


@tampering(SIGNATURE)
def signed_with_another_key(case: Case) -> None:
    attestation.sign_model(case.folder, case.other.private)


@tampering(SIGNATURE)
def signed_with_another_key_under_the_trusted_ones_name(case: Case) -> None:
    attestation.sign_model(case.folder, case.other.private)
    document = case.document(SIGNATURE)
    document["verificationMaterial"]["publicKey"]["hint"] = keys.fingerprint(case.pair.public)
    case.put(SIGNATURE, document)


@tampering(SIGNATURE)
def signature_is_a_link(case: Case) -> None:
    case.path(SIGNATURE).rename(case.folder.parent / SIGNATURE)
    case.path(SIGNATURE).symlink_to(case.folder.parent / SIGNATURE)


# The audit under a good model signature: what only the second signature can see


@tampering("audit.json")
def audit_edited_and_signed_over(case: Case) -> None:
    document = case.document("audit.json")
    document["request"]["facts"] += 1
    case.put("audit.json", document)
    case.sign_again()


@tampering(WEIGHTS)
def weights_exchanged_and_signed_over(case: Case) -> None:
    weights_of_another_model(case)
    case.sign_again()


@tampering("LICENSE")
def file_added_and_signed_over(case: Case) -> None:
    case.path("LICENSE").write_text("x")
    case.sign_again()


@tampering(ENVELOPE)
def audit_signed_with_another_key(case: Case) -> None:
    subject, audit = attestation.verify_audit(case.folder, case.pair.public)
    attestation.sign_audit(case.folder, audit, subject, case.other.private)
    case.sign_again()


@tampering(ENVELOPE)
def audit_payload_edited(case: Case) -> None:
    case.edit_payload(ENVELOPE, lambda s: s["predicate"].update(ticket="DSR-1"), sign=False)
    case.sign_again()


@tampering(ENVELOPE)
def model_signature_put_as_the_audit(case: Case) -> None:
    case.put(ENVELOPE, case.document(SIGNATURE)["dsseEnvelope"])
    case.sign_again()


@tampering(ENVELOPE)
def audit_without_a_subject(case: Case) -> None:
    case.edit_payload(ENVELOPE, lambda s: s.update(subject=[]), sign=True)
    case.sign_again()


@tampering(CONFIG)
def audit_about_other_files(case: Case) -> None:
    subject, audit = attestation.verify_audit(case.folder, case.pair.public)
    attestation.sign_audit(case.folder, audit, subject | {CONFIG: "0" * 64}, case.pair.private)
    case.sign_again()


@tampering("audit.json")
def audit_of_another_run(case: Case) -> None:
    document = case.document("audit.json") | {"createdAt": "2020-01-01T00:00:00Z"}
    case.put("audit.json", document)
    case.sign_again()


@tampering("audit.json")
def audit_nests_as_deep_as_a_parser_takes_it(case: Case) -> None:
    case.path("audit.json").write_text('{"a":' + "[" * 900 + "]" * 900 + "}")
    case.sign_again()


@tampering("audit.html")
def report_removed_and_signed_over(case: Case) -> None:
    case.path("audit.html").unlink()
    case.sign_again()


# Signed by the trusted key, and still not to be loaded


def sign_everything(case: Case) -> None:
    """Papers for whatever lies in the folder, as somebody with the key could write them past the policy."""
    audit = audit_file.read_audit(case.path("audit.json").read_bytes())
    for name in papers.PAPERS:
        case.path(name).unlink(missing_ok=True)
    assert audit.output
    files = audit.output.model_copy(update={"files": digests(case.folder)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(papers, "check_folder", lambda *_, **__: None)
        papers.write_papers(case.folder, audit.model_copy(update={"output": files}), case.pair.private)


# Reports of a batch


SECOND = "tickets/2/audit.json"


def in_a_batch(case: Case) -> None:
    """The same folder as a batch of two tickets."""
    audit = audit_file.read_audit(case.path("audit.json").read_bytes())
    for name in papers.PAPERS:
        case.path(name).unlink(missing_ok=True)
    batch, own = batch_of(audit)
    papers.write_papers(case.folder, batch, case.pair.private, own=own)
    assert leave("verify", str(case.folder), "--key", str(case.pair.public)) == 0


def name_anew(case: Case) -> None:
    """The report over all names the tickets' reports as they lie there now, as somebody with the key could write it."""
    reports = [
        {"ticket": entry["ticket"], "audit": private.digest(case.path(f"tickets/{number}/{ENVELOPE}").read_bytes())}
        for number, entry in enumerate(case.document("audit.json")["tickets"], 1)
    ]
    document = case.document("audit.json") | {"tickets": reports}
    case.path("audit.json").write_bytes(strict_json.pretty(document))
    subject = {name: found for name, found in digests(case.folder).items() if name not in (ENVELOPE, SIGNATURE)}
    attestation.sign_audit(case.folder, document, subject, case.pair.private)
    case.sign_again()


@tampering(SECOND)
def ticket_report_changed(case: Case) -> None:
    in_a_batch(case)
    flip(case.path(SECOND), -3)


@tampering("tickets/2/audit.html")
def ticket_page_changed(case: Case) -> None:
    in_a_batch(case)
    flip(case.path("tickets/2/audit.html"), 100)


@tampering(SECOND)
def ticket_report_changed_and_signed_over(case: Case) -> None:
    in_a_batch(case)
    document = case.document(SECOND)
    document["request"]["facts"] += 1
    case.path(SECOND).write_bytes(strict_json.pretty(document))
    case.sign_again()


@tampering("tickets/2/audit.dsse.json")
def ticket_report_signed_anew(case: Case) -> None:
    in_a_batch(case)
    subject, predicate = attestation.verify_audit(case.folder, case.pair.public, "tickets/2/audit.dsse.json")
    attestation.sign_audit(case.path("tickets/2"), predicate, subject, case.pair.private)
    case.sign_again()


@tampering("tickets/2/audit.dsse.json")
def ticket_report_signed_with_another_key(case: Case) -> None:
    in_a_batch(case)
    subject, predicate = attestation.verify_audit(case.folder, case.pair.public, "tickets/2/audit.dsse.json")
    attestation.sign_audit(case.path("tickets/2"), predicate, subject, case.other.private)
    name_anew(case)


@tampering("model.safetensors")
def ticket_report_about_other_files(case: Case) -> None:
    in_a_batch(case)
    subject, predicate = attestation.verify_audit(case.folder, case.pair.public, "tickets/2/audit.dsse.json")
    attestation.sign_audit(case.path("tickets/2"), predicate, subject | {WEIGHTS: "0" * 64}, case.pair.private)
    name_anew(case)


@tampering("tickets/2/audit.dsse.json")
def ticket_report_dropped(case: Case) -> None:
    in_a_batch(case)
    shutil.rmtree(case.path("tickets/2"))


@tampering("tickets/2/audit.dsse.json")
def ticket_report_dropped_and_signed_over(case: Case) -> None:
    in_a_batch(case)
    shutil.rmtree(case.path("tickets/2"))
    case.sign_again()


@tampering("tickets/2/audit.html")
def ticket_page_dropped_and_signed_over(case: Case) -> None:
    in_a_batch(case)
    case.path("tickets/2/audit.html").unlink()
    case.sign_again()


@tampering("tickets/3/notes.json")
def ticket_report_more_signed_over(case: Case) -> None:
    in_a_batch(case)
    case.path("tickets/3").mkdir()
    case.path("tickets/3/notes.json").write_text("{}")
    case.sign_again()


def exchange(case: Case) -> None:
    for one, other in (("1", "away"), ("2", "1"), ("away", "2")):
        case.path(f"tickets/{one}").rename(case.path(f"tickets/{other}"))


@tampering("tickets/1/audit.dsse.json")
def ticket_reports_exchanged(case: Case) -> None:
    in_a_batch(case)
    exchange(case)


@tampering("tickets/1/audit.dsse.json")
def ticket_reports_exchanged_and_signed_over(case: Case) -> None:
    in_a_batch(case)
    exchange(case)
    case.sign_again()


@tampering("tickets/1/audit.json")
def ticket_reports_exchanged_and_named_anew(case: Case) -> None:
    in_a_batch(case)
    exchange(case)
    name_anew(case)


@tampering("tickets/1/audit.dsse.json")
def ticket_reports_that_the_report_over_all_does_not_name(case: Case) -> None:
    in_a_batch(case)
    document = case.document("audit.json") | {"tickets": []}
    case.path("audit.json").write_bytes(strict_json.pretty(document))
    name_anew(case)


@tampering(CONFIG)
def code_from_elsewhere_signed(case: Case) -> None:
    case.put(CONFIG, {"auto_map": {"AutoModel": "evil.Model"}})
    sign_everything(case)


@tampering(CONFIG)
def kernel_from_elsewhere_signed(case: Case) -> None:
    case.put(CONFIG, {"text_config": {"_attn_implementation_internal": "evil/kernel"}})
    sign_everything(case)


@tampering(CONFIG)
def config_that_nests_too_deep_signed(case: Case) -> None:
    case.path(CONFIG).write_text('{"a":' + "[" * 900 + "]" * 900 + "}")
    sign_everything(case)


@tampering("vocab.txt")
def pickle_under_another_name_signed(case: Case) -> None:
    case.path("vocab.txt").write_bytes(b"\x80\x04N.")
    sign_everything(case)


@tampering("model.safetensors.index.json")
def index_that_reaches_out_of_the_folder_signed(case: Case) -> None:
    case.path(WEIGHTS).rename(case.path("model-00001-of-00001.safetensors"))
    case.put("model.safetensors.index.json", {"weight_map": {"wte.weight": "../../etc/passwd"}})
    sign_everything(case)


@tampering(WEIGHTS)
def tensor_twice_in_the_header_signed(case: Case) -> None:
    entry = '"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
    header = f"{{{entry},{entry}}}".encode()
    case.path(WEIGHTS).write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)
    sign_everything(case)


@tampering(WEIGHTS)
def header_that_nests_too_deep_signed(case: Case) -> None:
    header = b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"
    case.path(WEIGHTS).write_bytes(struct.pack("<Q", len(header)) + header)
    sign_everything(case)


@pytest.mark.parametrize("name", TAMPERINGS)
def test_it_is_exit_3_and_the_file_is_named(name: str, case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    tamper, named = TAMPERINGS[name]
    assert leave("verify", str(case.folder), "--key", str(case.pair.public)) == 0
    capsys.readouterr()
    tamper(case)
    assert leave("verify", str(case.folder), "--key", str(case.pair.public)) == 3
    said = capsys.readouterr().err
    assert any(line.strip() in (named, f"'{named}'") for line in said.splitlines()[1:]), said


def leave(*args: str) -> object:
    with pytest.raises(SystemExit) as left:
        app.main(args)
    return left.value.code


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """The command line sets handlers for the whole process."""
    import signal

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_there_are_enough_of_them() -> None:
    assert len(TAMPERINGS) >= 60


def test_what_the_stock_tool_signs_is_accepted(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    import subprocess
    import sys

    case.path(SIGNATURE).unlink()
    command = ["model_signing", "sign", "key", str(case.folder), "--private_key", str(case.pair.private)]
    command = [sys.executable, "-m", *command, "--signature", str(case.path(SIGNATURE))]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert leave("verify", str(case.folder), "--key", str(case.pair.public)) == 0
