"""The real command with all that saves memory: the gate passes on a plain model, and the report says how it was made."""

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Server

pytestmark = pytest.mark.e2e
OPTIONS = ("--lora", "--lora-rank", "8", "--precision", "bf16", "--checkpointing", "--optimizer", "adamw8bit", "--lr", "2e-2")


def test_adapters_in_bf16_with_little_kept_pass_the_gate(server: "Server") -> None:
    ended = server.run(server.apply(*OPTIONS, "--rounds", "8"))
    try:
        assert ended.code == 0, ended.log
        out = server.place / "out"
        made = json.loads((out / "audit.json").read_bytes())["method"]["parameters"]
        assert (made["lora_rank"], made["precision"], made["optimizer"]) == (8, "bfloat16", "adamw8bit")
        assert made["checkpointing"] is True
        assert json.loads((out / "config.json").read_text())["dtype"] == "float32"  # as the base's files
        assert not [path.name for path in out.iterdir() if "adapter" in path.name]
        assert server.run(["verify", "out", "--key", "k.pub"]).code == 0
    finally:
        server.clear()
