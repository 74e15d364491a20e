"""Translators by name: each is known, and none is opened without what it needs."""

from dataclasses import replace

import pytest

from xlforget.errors import UsageError
from xlforget.parallel.prepare import Wanted, check_wanted
from xlforget.parallel.translators import ENGINES, EngineOptions, open_engine


@pytest.mark.parametrize(("name", "option"), [("seq2seq", "--translator-model"), ("chat", "--translator-endpoint")])
def test_a_machine_that_needs_an_option_names_it(name: str, option: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_engine(name, EngineOptions())
    assert refused.value.code == "NO_TRANSLATOR"
    assert option in refused.value.do


def test_an_endpoint_elsewhere_is_refused_without_the_users_word() -> None:
    elsewhere = EngineOptions(model="m", endpoint="https://translate.example/v1")
    with pytest.raises(UsageError) as refused:
        open_engine("chat", elsewhere)
    assert "--allow-remote-translator" in refused.value.do
    assert open_engine("chat", replace(elsewhere, allow_remote=True)).name == "chat"


@pytest.mark.parametrize("name", [*ENGINES, "self", "given", "phrasebook"])
def test_every_name_is_known_before_any_work(name: str) -> None:
    check_wanted(Wanted(translator=name))
    with pytest.raises(UsageError, match="Unknown translator") as refused:
        check_wanted(Wanted(translator=f"{name}x"))
    assert name in refused.value.do
