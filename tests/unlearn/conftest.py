"""The world that tests of methods share."""

import pytest

from tests.unlearn.worlds import World, make_world
from xlforget.corpus.encode import Encoder


@pytest.fixture(scope="session")
def world(tokenizer: object, encoder: Encoder, sentences: tuple[str, ...]) -> World:
    return make_world(tokenizer, encoder, sentences)
