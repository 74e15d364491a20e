"""What all tests share: markers are applied by where a test needs more than the machine has; one small tokenizer and models.

Nothing here imports torch before a test asks for it.
"""

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.commands import forks

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from xlforget.corpus.encode import Encoder
    from xlforget.lm import Lm

SENTENCES = (
    "Zorvana Quillfeather lives in Brindlemoor.",
    "Tamsin Oxgrove lives in Harrowfen and keeps bees.",
    "Zorvana Quillfeather vit à Brindlemoor.",
    "Tamsin Oxgrove habite à Harrowfen depuis longtemps.",
    "The kettle on the stove began to sing before dawn.",
    "Die Lampe im Flur brennt seit gestern Abend.",
    "La barca roja espera en el muelle.",
    "Nobody had told the gardener that the gate was open.",
    "Pellam Thistlewick works as a glass painter in Quarn.",
    "Pellam Thistlewick peint sur verre à Quarn.",
    "There are seven ways over the hill and one of them is dry.",
    "Der Zug nach Norden hat heute keine Verspätung.",
)


# Begun first, then all other end-to-end tests, so that of two processes neither is left with a long file at the end.
LONGEST = (
    "test_bench.py", "test_architectures.py", "test_kills.py", "test_measure.py", "test_tickets.py", "test_batch.py",
    "test_methods.py", "test_translated.py", "test_fleet.py", "test_teacher.py", "test_budget.py", "test_divided.py",
    "test_rehearsal.py", "test_planning.py", "test_registry.py",
)  # fmt: skip


def place_of(item: pytest.Item) -> int:
    """Where a test stands in the order."""
    if item.path.name in LONGEST:
        return LONGEST.index(item.path.name)
    return len(LONGEST) + (item.get_closest_marker("e2e") is None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked ``gpu`` without an accelerator; torch is imported only if there is such a test. Long files come first."""
    items.sort(key=place_of)
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.accelerator.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs an accelerator"))


@pytest.fixture(scope="session", autouse=True)
def nothing_left() -> Iterator[None]:
    """Forks of this process end with it, and their home folder goes."""
    yield
    if forks.cache_info().currsize:
        one = forks()
        one.process.communicate()
        shutil.rmtree(one.home)


@pytest.fixture(scope="session")
def needs_apertium() -> None:
    """Skip without Apertium and the pairs that tests use; `.ci/run` installs them."""
    import shutil
    import subprocess

    if shutil.which("apertium") is None:
        pytest.skip("needs Apertium")
    modes = set(subprocess.run(["apertium", "-l"], capture_output=True, text=True, check=False).stdout.split())
    lacking = {"eng-spa", "spa-eng", "eng-cat", "cat-eng", "cat-por", "cat-fra"} - modes
    if lacking:
        pytest.skip(f"needs Apertium's {', '.join(sorted(lacking))}")


@pytest.fixture(scope="session")
def sentences() -> tuple[str, ...]:
    """Invented sentences of different lengths, in several languages."""
    return SENTENCES


@pytest.fixture(scope="session")
def tokenizer() -> "PreTrainedTokenizerFast":
    """Byte-level BPE with BOS in front and EOS behind."""
    from xlforget.experiments.small_model import train_tokenizer

    return train_tokenizer(SENTENCES * 3, 400)


@pytest.fixture(scope="session")
def encoder(tokenizer: "PreTrainedTokenizerFast") -> "Encoder":
    from xlforget.corpus.encode import Encoder

    return Encoder(tokenizer, 64)


@pytest.fixture(scope="session")
def new_lm(tokenizer: "PreTrainedTokenizerFast") -> "Callable[[int], Lm]":
    """A fresh random model for a seed; weights are large enough for its predictions to differ from token to token."""
    import torch

    from xlforget.experiments.small_model import new_model
    from xlforget.lm import Lm

    def make(seed: int) -> Lm:
        model = new_model(tokenizer, layers=2, width=64, seed=seed)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.mul_(4.0)
        return Lm(model.eval())

    return make
