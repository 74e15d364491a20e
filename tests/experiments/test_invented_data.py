"""The phrasebook's set: its parts can be read, and nobody is in two of them."""

from pathlib import Path

from xlforget.experiments import invented_data
from xlforget.experiments.invented_data import INVENTED
from xlforget.request.reader import read_request, read_texts


def test_request_retain_and_bystanders_are_different_people_in_every_language(tmp_path: Path) -> None:
    files = invented_data.write(tmp_path)
    facts = read_request(files["request"]).facts
    assert [fact.form for fact in facts] == [4] * len(invented_data.RELATIONS)
    texts = {part: read_texts(files[part]) for part in ("retain", "bystanders")}
    for rows in texts.values():
        assert all(set(row.statements) == set(INVENTED.languages) for row in rows)
        assert all(statement.answer for row in rows for statement in row.statements.values())
    shown = {s.text for row in texts["retain"] for s in row.statements.values()}
    hidden = {s.text for row in texts["bystanders"] for s in row.statements.values()}
    assert not shown & hidden
    for fact in facts:
        assert fact.structured
        assert not any(fact.structured.subject["en"] in text for text in shown | hidden)
