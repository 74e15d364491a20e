"""Every method and every order of the pairs through the real command: a verdict, in signed papers that say what was done."""

import json
from typing import TYPE_CHECKING

import pytest

from xlforget.unlearn.methods import METHODS

if TYPE_CHECKING:
    from tests.e2e.conftest import Server

pytestmark = pytest.mark.e2e

# The order of the pairs, rounds, and the exit code. Those that fail have no more than four rounds, and would with many more.
RUNS = {
    "adaptive": ("random", 4, 0),
    "lingtea": ("round-robin", 4, 0),
    "lingtea-released": ("random", 4, 0),
    "gradient-ascent": ("sequential", 4, 0),
    "gradient-difference": ("live", 4, 0),
    "npo": ("round-robin", 4, 0),
    "simnpo": ("random", 1, 1),
    "undial": ("sequential", 1, 1),
    "rmu": ("live", 1, 1),
    "task-vector": ("round-robin", 4, 0),
}


@pytest.mark.parametrize("name", METHODS)
def test_a_run_ends_with_a_verdict_in_signed_papers_that_name_the_method(server: "Server", name: str) -> None:
    sampling, rounds, code = RUNS[name]
    lr = 6e-3 if name == "adaptive" else 2e-3
    try:
        ended = server.run(
            server.apply("--method", name, "--sampling", sampling, "--rounds", str(rounds), "--lr", str(lr), "--ticket", "T-1")
        )
        assert ended.code == code, ended.log
        folder, other = ("out.failed", "out") if code else ("out", "out.failed")
        assert not (server.place / other).exists()
        assert bool(list((server.place / folder).glob("*.safetensors"))) == (code == 0)
        audit = json.loads((server.place / folder / "audit.json").read_bytes())
        said, asked = audit["method"]["parameters"], METHODS[name]
        assert (audit["result"], audit["method"]["name"]) == ("failed" if code else "passed", name)
        assert (said["sampling"], said["rounds"], said["lr"]) == (sampling, rounds, lr)
        for option in ("forget", "retain", "kappa", "beta", "layer"):
            assert said.get(option) == getattr(asked, option), option
        assert said.get("alphas", "").split() == [str(alpha) for alpha in asked.alphas]
        assert (said.get("alpha") in asked.alphas) == bool(asked.alphas)
        assert said["visits_most"] >= said["visits_least"] > 0
        assert audit["data"]["retain"]["made, held out"]["samples"] > 0, "whatever a method reads, damage is measured"
        assert server.run(["verify", folder, "--key", "k.pub", "--ticket", "T-1"]).code == code
    finally:
        server.clear()


def test_what_a_method_cannot_do_is_exit_2_before_anything_is_read(server: "Server") -> None:
    ended = server.run(server.apply("--method", "task-vector", "--lora", out="never"))
    assert ended.code == 2, ended.log
    assert "Leave out --lora." in ended.log
    assert not ended.stages
    assert not server.left()
