"""JUnit XML of a verification, as GitLab, Jenkins and Azure read it."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from xlforget.artifact.findings import Finding


def write_junit(findings: Sequence[Finding], path: Path) -> None:
    """One test case a finding; a check that does not hold is a failure with its code."""
    failures = sum(not finding.ok for finding in findings)
    suite = ET.Element("testsuite", name="xlforget verify", tests=str(len(findings)), failures=str(failures), errors="0")
    for finding in findings:
        case = ET.SubElement(suite, "testcase", classname="xlforget.verify", name=finding.check)
        if not finding.ok:
            failure = ET.SubElement(case, "failure", message=finding.code, type=finding.code)
            failure.text = "\n".join([finding.message, *finding.files])
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
