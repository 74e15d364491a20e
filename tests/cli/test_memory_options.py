"""Options of memory as one value; what has no effect is refused."""

import pytest

from xlforget.cli.memory_options import memory
from xlforget.errors import UsageError
from xlforget.unlearn.memory import PLAIN, Memory


def test_nothing_asked_is_nothing_done() -> None:
    assert memory("adamw", "auto", False, False, None, None) == PLAIN


def test_adapters_have_a_rank_of_their_own_unless_one_is_given() -> None:
    assert memory("adamw8bit", "bf16", True, True, None, None) == Memory("adamw8bit", "bf16", True, 16, 32)
    assert memory("adamw", "fp32", False, True, 4, 8) == Memory("adamw", "fp32", False, 4, 8)


@pytest.mark.parametrize(("rank", "alpha"), [(8, None), (None, 8)])
def test_figures_for_adapters_that_are_not_asked_for_are_refused(rank: int | None, alpha: int | None) -> None:
    with pytest.raises(UsageError) as caught:
        memory("adamw", "auto", False, False, rank, alpha)
    assert caught.value.code == "LORA"
