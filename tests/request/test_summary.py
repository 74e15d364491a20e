"""A request in figures."""

from typing import Any

from xlforget.request.fact import ErasureRequest
from xlforget.request.records import to_fact
from xlforget.request.summary import summarise


def test_counts_by_form_and_language_and_what_cannot_be_worded() -> None:
    records: list[dict[str, Any]] = [
        {"id": "a", "lang": "en", "text": "in Tarnwick", "answer": "Tarnwick"},
        {"id": "b", "texts": {"en": "one", "bn": "এক"}},
        {"id": "c", "subject": "Zorvana", "relation": "phone_number", "object": "+44 7700 900123"},
    ]
    summary = summarise(ErasureRequest(facts=tuple(to_fact(record, at) for at, record in enumerate(records, 1))))
    assert (summary.facts, summary.forms) == (3, {1: 1, 4: 1, 5: 1})
    assert summary.given == {"en": 2, "bn": 1}
    assert summary.worded == dict.fromkeys(("en", "es", "fr", "de", "pt"), 1)
    assert [(item.line, item.lang, item.reason) for item in summary.missing] == [
        (3, "ar", "script"), (3, "hi", "script"), (3, "zh", "script"),
    ]  # fmt: skip
    assert summary.languages == ("en", "bn", "es", "fr", "de", "pt")
    assert "Zorvana" not in summary.model_dump_json()
