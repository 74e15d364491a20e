"""What a person decides, and which rows wait for it."""

import pytest

from xlforget.errors import UsageError
from xlforget.parallel import review
from xlforget.parallel.build import build_parallel_set
from xlforget.parallel.pair import Pair, Source, TranslatorInfo, Wording
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.parallel.translators import get_translator
from xlforget.parallel.undecided import MissingTranslation, refuse_other, refuse_undecided
from xlforget.request.fact import ErasureRequest, Fact, Statement, Structured

SOURCE = Source(text="Zorvana lives in London.", span=(17, 23), lang="en")


def row(lang: str, status: str, text: str = "Zorvana vive en Londres.", **changes: object) -> Pair:
    values = {
        "fact": "a", "lang": lang, "candidates": (), "relation": None, "status": status, "translator": "apertium",
        "wordings": (Wording(text=text, span=(0, 7), role="all"),), "source": SOURCE, "reason": "because",
    }  # fmt: skip
    return Pair.model_validate(values | changes)


def parallel(*pairs: Pair) -> ParallelSet:
    info = TranslatorInfo(name="apertium", version="3", licence="GPL")
    return ParallelSet(pairs=pairs, languages=tuple(pair.lang for pair in pairs), translators=(info,))


def request(text: str = SOURCE.text) -> ErasureRequest:
    return ErasureRequest(facts=(Fact(id="a", line=3, form=1, statements={"en": Statement(text=text, span=(17, 23))}),))


def test_rows_that_wait_are_those_in_review_and_then_those_that_failed() -> None:
    made = parallel(row("en", "ok"), row("es", "fail"), row("ca", "review"), row("gl", "warn"), review.drop(row("pt", "fail")))
    assert [pair.lang for pair in review.waiting(made)] == ["ca", "es"]


def test_accepting_needs_a_place_for_the_answer() -> None:
    accepted = review.accept(row("es", "review"))
    assert (accepted.status, accepted.decision, accepted.reason) == ("ok", "accepted", "because")
    with pytest.raises(ValueError, match="no place"):
        review.accept(row("es", "review", wordings=(), unplaced="Zorvana vive en Londres."))


def test_an_edit_is_marked_and_checked_again() -> None:
    edited = review.edit(
        row("es", "review", wordings=(), unplaced="x", votes={"alone": "y"}), "Zorvana vive en Londres", "Londres"
    )
    assert (edited.status, edited.decision, edited.wordings[0].span) == ("ok", "edited", (16, 23))
    assert edited.reason == "no full stop at the end"
    assert (edited.unplaced, edited.votes) == ("", {})


def test_an_edit_without_its_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="answer"):
        review.edit(row("es", "review"), "Zorvana vive en Londres.", "Tarnwick")


def test_an_undecided_row_is_refused_unless_it_may_be_left_out() -> None:
    made = parallel(row("en", "ok"), row("es", "review"), row("ca", "fail"))
    with pytest.raises(MissingTranslation) as refused:
        refuse_undecided(request(), made)
    assert [(p.line, p.message) for p in refused.value.problems] == [(3, "es, ca: because")]
    refuse_undecided(request(), made, skip=True)
    refuse_undecided(request(), made, ("es", "ca"))
    dropped = made.exchanged(review.drop(made.pairs[1])).exchanged(review.accept(made.pairs[2]))
    refuse_undecided(request(), dropped)


def test_a_fact_is_never_left_out_in_every_language() -> None:
    for made in (parallel(row("es", "review")), parallel(review.drop(row("es", "review")))):
        with pytest.raises(MissingTranslation):
            refuse_undecided(request(), made, ("es",), skip=True)


def test_a_set_of_another_request_is_refused_without_its_text() -> None:
    own = row("en", "ok", "Zorvana lives in London.", source=None)
    made = parallel(own, row("es", "ok"))
    refuse_other(request(), made)
    for other in (request("Tamsin was born in Quarn."), ErasureRequest(facts=())):
        with pytest.raises(UsageError) as refused:
            refuse_other(other, made)
        assert (refused.value.code, refused.value.exit_code) == ("OTHER_REQUEST", 2)
        assert "Tamsin" not in f"{refused.value.what}{refused.value.do}"
    refuse_other(request(), made.exchanged(review.edit(made.pairs[0], "In London lives she.", "London")))


def test_a_set_made_from_another_persons_record_or_another_source_text_is_refused() -> None:
    def structured(name: str) -> ErasureRequest:
        told = Structured(subject={"*": name}, relation="occupation", object={"en": "miller"}, gender="f")
        return ErasureRequest(facts=(Fact(id="1", line=1, form=4, statements={}, structured=told),))

    made = build_parallel_set(structured("Zorvana Quillfeather"), ("en",), [get_translator("phrasebook")])
    refuse_other(structured("Zorvana Quillfeather"), made)
    with pytest.raises(UsageError, match="1 fact differ"):
        refuse_other(structured("Tamsin Oxgrove"), made)

    source = Source(text="Zorvana lives in London.", span=(17, 23), lang="en")
    only = parallel(row("es", "ok").model_copy(update={"source": source}))
    with pytest.raises(UsageError, match="1 fact differ"):
        refuse_other(request("Tamsin lives in London."), only)
