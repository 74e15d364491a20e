"""Methods by name, and what --kappa takes."""

import pytest

from xlforget.errors import UsageError
from xlforget.unlearn.methods import METHODS, method, parse_kappa


def test_options_change_the_preset_and_those_not_given_do_not() -> None:
    changed = method("adaptive", lr=0.5, rounds=None)
    assert changed.lr == 0.5
    assert changed.rounds == METHODS["adaptive"].rounds
    assert METHODS["adaptive"].lr != 0.5


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        method("erase")
    assert all(name in caught.value.do for name in METHODS)


def test_kappa_is_adaptive_or_a_share() -> None:
    assert (parse_kappa(None), parse_kappa("adaptive"), parse_kappa("0.25"), parse_kappa("1")) == (None, None, 0.25, 1.0)
    for wrong in ("", "much", "-0.1", "1.5", "nan"):
        with pytest.raises(UsageError):
            parse_kappa(wrong)


def test_made_text_alone_is_read_in_the_place_of_the_users() -> None:
    one = method("adaptive", rounds=2)
    assert one.made_tokens(given=False) == 2 * one.steps_per_round * one.retain_tokens
    assert one.made_tokens(given=True) == one.made_share * one.made_tokens(given=False)
