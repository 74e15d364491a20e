"""Facts are sound values, and printing one by mistake does not print what it is about."""

import pytest
from pydantic import ValidationError

from xlforget.request.fact import ErasureRequest, Fact, Statement, Structured

SECRET = "Zorvana Quillfeather"


def fact() -> Fact:
    return Fact(
        id="DSR-7-1",
        line=3,
        form=4,
        statements={"en": Statement(text=SECRET, span=(0, 7))},
        structured=Structured(subject={"*": SECRET}, relation="spouse", object={"*": SECRET}, aliases={"en": (SECRET,)}),
        candidates={"en": (SECRET,)},
    )


def test_no_repr_holds_text() -> None:
    request = ErasureRequest(facts=(fact(),))
    assert SECRET not in f"{request} {request!r}"
    assert "DSR-7-1" in repr(request)


def test_facts_come_back_from_json() -> None:
    request = ErasureRequest(facts=(fact(),))
    assert ErasureRequest.model_validate_json(request.model_dump_json()) == request


def test_the_answer_is_the_span_or_the_whole_text() -> None:
    assert fact().statements["en"].answer == "Zorvana"
    assert Statement(text=SECRET).answer == SECRET


@pytest.mark.parametrize("span", [(0, 0), (-1, 2), (2, 1), (0, 99)])
def test_a_span_that_is_not_in_the_text_is_refused_without_quoting_it(span: tuple[int, int]) -> None:
    with pytest.raises(ValidationError) as refused:
        Statement(text=SECRET, span=span)
    assert SECRET not in str(refused.value)


def test_values_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        fact().id = "other"  # type: ignore[misc]
