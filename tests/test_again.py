"""What `verify --evidence` makes of figures that were signed otherwise than they are measured."""

from typing import Any

import pytest

from xlforget.again import _recorded_part, likeliest_as_signed
from xlforget.measure.policy import ABOUT_OTHERS
from xlforget.measure.profiles import profile
from xlforget.measure.verdict import Likeliest

NOW = Likeliest(lang="fr", said_before=1.0, said_after=0.41, unseen=12, unseen_as_likely=3)


@pytest.mark.parametrize(
    ("signed", "ok"),
    [
        ({}, True),
        ({"said_after": 0.5, "said_before": 0.93, "unseen_as_likely": 5}, True),
        ({"said_after": 0.1}, False),
        ({"said_before": 0.5}, False),
        ({"unseen_as_likely": 9}, False),
        ({"unseen": 90}, False),
        ({"of_anybody": True}, False),
        ({"lang": "en", "unseen": 8, "unseen_as_likely": 0}, True),
        ({"lang": "en", "said_after": 0.1}, False),
    ],
)
def test_the_likeliest_answer_may_be_another_one_but_not_another_figure(signed: dict[str, Any], ok: bool) -> None:
    (finding,) = likeliest_as_signed(NOW.model_copy(update=signed), NOW)
    assert finding.ok is ok
    assert "measured fr 0.41 (before 1.00), 3 of 12 as likely" in finding.message


def test_reports_of_before_it_was_measured_have_none_and_a_bundle_without_pairs_is_no_pass() -> None:
    assert likeliest_as_signed(None, NOW) == []
    (finding,) = likeliest_as_signed(NOW, None)
    assert not finding.ok


@pytest.mark.parametrize(
    ("had", "made"),
    [
        (["in 4 bits", "after other text"], ("in 4 bits", "after other text")),
        (["in 4 bits", "after other text", ABOUT_OTHERS], ("in 4 bits", "after other text", ABOUT_OTHERS)),
        ([ABOUT_OTHERS], ("in 4 bits", "after other text", ABOUT_OTHERS)),
    ],
)
def test_a_bundle_of_before_a_way_of_asking_was_there_is_measured_without_it_and_no_attack_is_left_out(
    had: list[str], made: tuple[str, ...]
) -> None:
    assert _recorded_part(profile("standard"), {"attacked_before": {name: [] for name in had}}).attacks == made
