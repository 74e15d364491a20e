"""Statements behind others: the answer stays marked, marks stay at the ends, nobody stands before a statement of their own."""

from collections.abc import Sequence

import pytest

from xlforget.corpus.behind import behind_others
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.probes import Probe

OTHERS = [
    Probe(f"o{k}", lang, 0, "all", Encoded((1, 10 + k, 20 + k, 2), (2,), front=1, back=1))
    for k in range(5)
    for lang in ("en", "fr")
]
FACT = Probe("f", "en", 0, "train", Encoded((1, 50, 51, 52, 2), (2, 3), front=1, back=1), alternatives=(Encoded((1, 2), (1,)),))


def said(found: Sequence[Probe]) -> list[tuple[int, ...]]:
    return [probe.text.ids for probe in found]


def test_the_answer_is_marked_where_it_stands_then_and_marks_stay_at_the_ends() -> None:
    (one,) = behind_others([FACT], OTHERS, 2, 64)
    assert (one.row, one.lang, one.role, one.alternatives) == ("f", "en", "train", ())
    assert (one.text.ids[0], one.text.ids[-4:]) == (1, (50, 51, 52, 2))
    assert [one.text.ids[at] for at in one.text.answer] == [51, 52]
    before = one.text.ids[1:-4]
    assert len(before) == 4
    assert {token // 10 for token in before} == {1, 2}
    assert all(b == a + 10 for a, b in (before[:2], before[2:]))
    assert before[0] != before[2]


def test_what_stands_before_is_the_same_in_every_run_and_of_the_same_language() -> None:
    french = [other for other in OTHERS if other.lang == "fr"]
    assert said(behind_others([FACT], OTHERS, 2, 64)) == said(behind_others([FACT], OTHERS, 2, 64))
    assert behind_others([FACT], french, 2, 64) == []


def test_nobody_stands_before_a_statement_about_themselves() -> None:
    own = [other for other in OTHERS if other.lang == "en"]
    for probe, one in zip(own, behind_others(own, OTHERS, 4, 64), strict=True):
        before = one.text.ids[1:-3]
        assert sorted(before[::2]) == sorted(other.text.ids[1] for other in own if other is not probe)


@pytest.mark.parametrize(("most", "room"), [(5, 0), (4, 0), (6, 0), (7, 2), (8, 3), (64, 4)])
def test_what_does_not_fit_is_left_out_from_the_beginning(most: int, room: int) -> None:
    (whole,) = behind_others([FACT], OTHERS, 2, 64)
    found = behind_others([FACT], OTHERS, 2, most)
    assert said(found) == ([(1, *whole.text.ids[5 - room :])] if room else [])
    assert all([probe.text.ids[at] for at in probe.text.answer] == [51, 52] for probe in found)


def test_an_encoded_text_knows_its_marks(encoder: Encoder) -> None:
    text = encoder.encode("Zorvana Quillfeather lives in Brindlemoor.", None)
    assert (text.front, text.back) == (1, 1)
    assert encoder.tokenizer.decode(text.inner) == "Zorvana Quillfeather lives in Brindlemoor."
