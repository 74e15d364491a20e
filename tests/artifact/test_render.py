"""The papers that people read: self-contained, escaped, honest about what they do not show."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from xlforget.artifact import audit as record
from xlforget.artifact import audit_file, findings
from xlforget.artifact.commitments import commit
from xlforget.artifact.render import html, model_card, write_junit
from xlforget.errors import IntegrityError
from xlforget.measure.judge import judge

FILES = {"model.safetensors": "ab" * 32}
Make = Any
FORBIDDEN = ("deleted", "certified", "gdpr compliant", "gdpr-compliant", "anonymous")


class Balanced(HTMLParser):
    """Fails on a tag that is closed but not open; collects what a page loads from elsewhere."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("leak", [None, "fr"])
def test_the_page_is_whole_and_loads_nothing(audit_of: Make, leak: str | None) -> None:
    page = html(audit_of(FILES, None if leak else FILES, leak=leak))
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert not parser.tags & {"script", "link", "img", "iframe", "object", "form"}
    assert parser.links == []
    assert not re.search(r"https?://|url\(|@import", page)
    assert "default-src 'none'" in page


def test_the_page_opens_with_the_result(audit_of: Make) -> None:
    passed, failed = html(audit_of(FILES, FILES)), html(audit_of(FILES, None, leak="fr"))
    nothing = html(audit_of(FILES, None, known=False))
    for page, word in ((passed, "Passed"), (failed, "Failed"), (nothing, "Nothing memorised")):
        assert f"<strong>{word}</strong>" in page
        assert page.index(f"<strong>{word}</strong>") < page.index("<table>")
    assert "No model was released" in failed


def test_every_language_is_drawn_with_before_after_and_threshold(audit_of: Make) -> None:
    audit = audit_of(FILES, FILES)
    page = html(audit)
    assert page.count('<svg class="track"') == len(audit.verdict.languages)
    for row in audit.verdict.languages:
        assert f'cx="{100 * row.ma_before:.1f}%"' in page
        assert f'cx="{100 * row.ma_after:.1f}%"' in page
        assert f'x1="{100 * row.ma_threshold:.1f}%"' in page


def full(audit_of: Make) -> record.Audit:
    """An audit with everything in it that one can hold."""
    commitment, _ = commit([("a", b"x")] * 5)
    parent = record.Parent(audit="56" * 32, key="78" * 32, tickets=("DSR-2026-0041",))
    former = record.Former(audit="56" * 32, tickets=("DSR-2026-0041",), tests=30, held=29)
    more = {"evidence": "12" * 32, "sealed_to": "34" * 32, "commitment": commitment, "parent": parent, "former": (former,)}
    return audit_of(FILES | {"tokenizer.json": "cd" * 32}, FILES).model_copy(update=more)  # type: ignore[no-any-return]


def must_contain(audit: record.Audit) -> dict[str, list[str]]:
    """What regulators and the literature ask of such a report (EDPB, CNIL, ICO), as this page words it."""
    row = audit.verdict.languages[2]
    return {
        "the ticket and the date": ["Ticket DSR-2026-0042", "4 March 2026, 09:12 UTC"],
        "who answers for it": ["Checked by (role)", "Date", "Signature"],
        "tool and code": [audit.tool.version, audit.tool.source],
        "configuration and seed": ["learning_rate=0.001", f"seed {audit.method.seed}", audit.method.name],
        "base, output and tokenizer by digest": [*audit.base.files.values(), *FILES.values(), "tokenizer.json"],
        "languages done, and not done": ["French", "Swahili (left out by the user)", "waits for review by a person"],
        "facts per language": [f"<td>{row.pairs}</td><td>{row.memorised_before}</td>"],
        "before, after, threshold": [f"{row.ma_before:.2f}", f"{row.ma_after:.2f}", f"{row.ma_threshold:.2f}"],
        "where the threshold comes from": [audit.data.thresholds, "Controls: gate", "en 480"],
        "precision and machine": [audit.environment.precision, audit.environment.torch],
        "every test with its figures": [f"<td>{test.units}</td><td>{test.controls}</td>" for test in audit.verdict.tests],
        "what sampling brings out": ["Said in 128 samples before", "<td>0.937</td><td>0.013</td><td>0.011</td>"],
        "attacks": ["No attack beyond the tests listed was run"],
        "damage per language": ["MA on retained text", "Hindi", "Perplexity"],
        "that files were read back": ["measured on its files as read back from disk"],
        "copies to look after": list(record.COPIES),
        "limits": ["approximate", "not proof", "not legal advice", "nine times out of ten", "holds no personal data"],
        "how to check the signature": ["audit.dsse.json", "xlforget verify FOLDER --key PUBLIC_KEY"],
        "earlier tickets": ["DSR-2026-0041", "29 of 30 tests hold", "56" * 32, "78" * 32],
        "evidence and commitment": ["12" * 32, "34" * 32, audit.commitment.root if audit.commitment else "none"],
    }


def test_the_page_says_what_such_a_report_must_say(audit_of: Make) -> None:
    audit = full(audit_of)
    page = html(audit)
    missing = {what: [t for t in texts if t not in page] for what, texts in must_contain(audit).items()}
    assert not {what: texts for what, texts in missing.items() if texts}


def test_the_first_page_is_the_officers_and_the_details_come_after(audit_of: Make) -> None:
    first, details = html(full(audit_of)).split('<section class="details">')
    for heading in ("What the model still knows", "What this report does not show", "Where the facts may remain", "Signature"):
        assert heading in first
        assert heading not in details
    assert "<table>" not in first
    assert "<dt>Text that must stay</dt><dd>0.985 of before</dd>" in first, "the worst of the bounds that decide"
    assert not re.search(r"[0-9a-f]{64}", first), "digests are for the details"


def test_many_languages_leave_the_first_page_those_that_matter(audit_of: Make) -> None:
    audit = audit_of(FILES, None, leak="ar")
    tags = ["en", "es", "fr", "de", "pt", "ar", "hi", "zh", "he", "fa", "ur", "ru", "ja", "ko", "tr", "vi"]
    worst = audit.verdict.languages[5]
    rows = tuple(worst if tag == "ar" else audit.verdict.languages[0].model_copy(update={"lang": tag}) for tag in tags)
    verdict = audit.verdict.model_copy(update={"languages": rows})
    first, details = html(audit.model_copy(update={"verdict": verdict})).split('<section class="details">')
    assert first.count('<svg class="track"') == 12
    assert "Arabic" in first
    assert "all 16 are in the details" in first
    assert "Vietnamese" in details


def test_languages_that_run_from_right_to_left_do_not_turn_the_line_around(audit_of: Make) -> None:
    page = html(audit_of(FILES, FILES))
    assert 'Arabic <bdi class="own" lang="ar">العربية</bdi>' in page
    assert '<bdi class="own" lang="en">' not in page


# Where a text of somebody's could hide: a place in the schema that takes any string.
FREE_TEXT = {"copies", "shown", "notShown", "thresholds", "reason", "warnings", "check", "name", "language", "lang", "profile"}


def test_no_place_of_the_schema_takes_a_text_of_a_fact() -> None:
    """Every string of the audit has a form, a fixed choice, or is one of a few that only this tool fills."""
    schema = json.loads(audit_file.shipped_schema())

    def free(node: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if isinstance(node, dict):
            bounded = node.keys() & {"pattern", "const", "enum", "format"} or node.get("maxLength", 10**6) <= 200
            if node.get("type") == "string" and not bounded:
                yield path
            for key, value in node.items():
                yield from free(value, (*path, key))
        elif isinstance(node, list):
            for value in node:
                yield from free(value, path)

    places = {next(p for p in reversed(path) if p not in {"items", "anyOf", "prefixItems"}) for path in free(schema, ())}
    assert places <= FREE_TEXT, places - FREE_TEXT


@pytest.mark.parametrize("leak", [None, "fr"])
def test_no_paper_promises_what_it_cannot(audit_of: Make, leak: str | None) -> None:
    audit = audit_of(FILES, None if leak else FILES, leak=leak)
    texts = [html(audit), *([] if leak else [model_card(audit)])]
    for text in texts:
        assert not [word for word in FORBIDDEN if word in text.lower()]
        for sentence in audit.not_shown:
            assert sentence in text.replace("&#39;", "'")


def test_names_are_escaped(audit_of: Make) -> None:
    audit = audit_of(FILES, FILES, name="<script>alert(1)</script>")
    assert "<script>" not in html(audit)


def test_the_card_has_the_metadata_that_hubs_read(audit_of: Make) -> None:
    card = model_card(audit_of(FILES, FILES))
    block = card.split("---\n")[1]
    for line in ('base_model: "tiny"', "base_model_relation: finetune", 'license: "unknown"', '  - "zh"'):
        assert line in block
    assert "(audit.html)" in card


def test_the_likeliest_answer_and_every_warning_stand_on_the_first_page_and_on_the_card(audit_of: Make) -> None:
    audit = audit_of(FILES, FILES)
    sentence = (
        "The answer likeliest to come back is one in Hindi: the chance that 128 samples hold it is 0.41 (before: 1.00); as "
        "likely as that: 3 of 12 answers of its kind that the model never saw."
    )
    for paper in (html(audit).partition('class="details"')[0], model_card(audit)):
        assert sentence in " ".join(paper.split())
        assert all(warning in paper for warning in audit.verdict.warnings)
    older = audit.model_copy(update={"verdict": audit.verdict.model_copy(update={"likeliest": None})})
    assert "likeliest" not in html(older)


def test_one_audit_renders_to_the_same_bytes(audit_of: Make) -> None:
    assert html(audit_of(FILES, FILES)) == html(audit_of(FILES, FILES))


def test_junit_names_what_does_not_hold(audit_of: Make, tmp_path: Path) -> None:
    verdict = audit_of(FILES, None, leak="fr").verdict
    checks = findings.of_verdict(verdict, judge(verdict))
    checks.append(findings.of_error(IntegrityError("MISMATCH", "changed a.json", files=["a.json"])))
    write_junit(checks, tmp_path / "verify.xml")
    suite = ET.parse(tmp_path / "verify.xml").getroot()[0]
    failed = [case.attrib["name"] for case in suite if len(case)]
    assert int(suite.attrib["failures"]) == len(failed)
    assert int(suite.attrib["tests"]) == len(checks)
    assert "answer: memorization/language/ma/fr" in failed
    assert "answer: memorization/language/ma/de" not in failed
    assert "a.json" in (suite[-1][0].text or "")
