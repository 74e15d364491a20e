"""The papers that people read: self-contained, escaped, honest about what they do not show."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from xlforget.artifact import findings
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
    assert "memorization/language/ma/fr" in failed
    assert "memorization/language/ma/de" not in failed
    assert "a.json" in (suite[-1][0].text or "")
