"""States on disk: whole or not there, and never those of another model, of other text or of another precision."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from xlforget.corpus.encode import Encoded
from xlforget.unlearn.states import FILE, Store, store

ROWS, WIDTH = 12, 6
FILES = {"config.json": "a" * 64, "model.safetensors": "b" * 64, "tokenizer.json": "c" * 64}
TEXTS = [Encoded((0, 5, 6, 7), (2,)), Encoded((0, 9, 4), (1, 2))]
ASKED = [range(1, 4), range(1, 2)]


def in_parts(states: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Out of order, as texts of one length come together."""
    for first, last in ((7, 12), (0, 3), (3, 7)):
        yield first, states[first:last]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_was_written_is_read_by_mapping_the_file(tmp_path: Path, dtype: torch.dtype) -> None:
    states, own = torch.randn(ROWS, WIDTH).to(dtype), Store(tmp_path / FILE, "key")
    own.write(in_parts(states), ROWS)
    found = own.read()
    assert found is not None
    assert found.dtype == dtype
    assert torch.equal(found, states)
    assert str(tmp_path / FILE) in Path("/proc/self/maps").read_text()
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_write_that_was_cut_short_leaves_nothing_to_read(tmp_path: Path) -> None:
    def stopped() -> Iterator[tuple[int, Tensor]]:
        """The file has its whole length, and a hole."""
        yield 7, torch.zeros(5, WIDTH)
        raise KeyboardInterrupt

    own = Store(tmp_path / FILE, "key")
    with pytest.raises(KeyboardInterrupt):
        own.write(stopped(), ROWS)
    assert own.read() is None
    own.write(in_parts(torch.ones(ROWS, WIDTH)), ROWS)
    found = own.read()
    assert found is not None
    assert torch.equal(found, torch.ones(ROWS, WIDTH))


def test_a_file_that_lost_its_end_is_not_read(tmp_path: Path) -> None:
    own = Store(tmp_path / FILE, "key")
    own.write(in_parts(torch.ones(ROWS, WIDTH)), ROWS)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:-1])
    assert own.read() is None


@pytest.mark.parametrize(
    "other",
    [
        ("model.safetensors", torch.float32, TEXTS, ASKED),
        ("tokenizer.json", torch.float32, TEXTS, ASKED),
        ("config.json", torch.float32, TEXTS, ASKED),
        ("", torch.bfloat16, TEXTS, ASKED),
        ("", torch.float32, [TEXTS[0], Encoded((0, 9, 5), (1, 2))], ASKED),
        ("", torch.float32, TEXTS[::-1], ASKED),
        ("", torch.float32, TEXTS, [range(1, 3), range(1, 2)]),
    ],
    ids=["weights", "tokenizer", "config", "dtype", "text", "order", "positions"],
)
def test_states_of_something_else_are_not_read(
    tmp_path: Path, other: tuple[str, torch.dtype, list[Encoded], list[range]]
) -> None:
    store(tmp_path / FILE, FILES, torch.float32, TEXTS, ASKED).write(in_parts(torch.ones(ROWS, WIDTH)), ROWS)
    again = store(tmp_path / FILE, dict(reversed(FILES.items())), torch.float32, TEXTS, ASKED).read()
    assert again is not None

    changed, dtype, texts, asked = other
    files = FILES | ({changed: "d" * 64} if changed else {})
    assert store(tmp_path / FILE, files, dtype, texts, asked).read() is None
