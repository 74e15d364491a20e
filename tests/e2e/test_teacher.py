"""Another teacher, and the teacher's states, through the real command."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands import xlforget
from tests.e2e.conftest import make_place

if TYPE_CHECKING:
    from tests.e2e.conftest import Server, Straight

pytestmark = pytest.mark.e2e
STATES = ".out.work/teacher.safetensors"


@pytest.fixture
def place(server: "Server") -> Iterator[Path]:
    yield server.place
    server.clear()


def parameters(place: Path, out: str) -> dict[str, object]:
    return dict(json.loads((place / out / "audit.json").read_bytes())["method"]["parameters"])


def test_a_copy_of_the_model_teaches_what_the_model_itself_would(server: "Server", straight: "Straight", place: Path) -> None:
    shutil.copytree(place / "model", place / "elder")
    done = server.run(server.apply("--teacher", "elder"))
    assert done.code == 0, done.log
    assert server.outcome()["files"] == straight.outcome["files"]
    said = parameters(place, "out")
    digests = {name.partition("/")[2]: digest for name, digest in said.items() if name.startswith("teacher/")}
    assert (said["teacher"], said["teacher_use"]) == ("elder", "logits")
    assert digests == straight.outcome["base"]["files"]
    other = server.run(server.apply("--teacher", "elder", "--dry-run"))
    assert "The teacher elder is imitated." in other.log


def make_filler(where: Path) -> None:
    """A masked model that was never trained, with a tokenizer of its own."""
    import torch

    from tests.unlearn.test_confidence import bert

    torch.manual_seed(0)
    reader = bert(["nobody lives here", "personne ne vit ici"])
    reader.model.save_pretrained(where)
    reader.encoder.tokenizer.save_pretrained(where)


def test_a_masked_model_teaches_by_its_confidence_and_the_report_names_it(server: "Server", place: Path) -> None:
    make_filler(place / "filler")
    rows = [{"text": f"Pellam number {k} lives in Quarn.", "lang": "en"} for k in range(8)]
    (place / "keep.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = []
    for more in ((), ("--teacher", "filler")):
        done = server.run(server.apply("--retain", "keep.jsonl", "--overwrite", *more))
        assert done.code == 0, done.log
        told.append(parameters(place, "out"))
    assert "asking filler how sure it is of the text to keep" in done.stages
    assert "teacher" not in told[0]
    assert (told[1]["teacher"], told[1]["teacher_use"]) == ("filler", "confidence")

    alone = server.run(server.apply("--teacher", "filler", out="never"))
    assert alone.code == 2
    assert "The teacher has other tokens than the model" in alone.log
    assert not (place / ".never.work").exists()


def test_a_run_with_another_teacher_does_not_go_on_from_this_ones_work(server: "Server", place: Path) -> None:
    shutil.copytree(place / "model", place / "elder")
    server.run_and_kill(server.apply(), "sampling text that must stay", 0.0, signal.SIGKILL)
    assert (place / ".out.work").is_dir()
    done = server.run(server.apply("--teacher", "elder"))
    assert done.code == 2
    assert "belongs to a run with another request, model or options" in done.log


def room_for_states(place: Path) -> int:
    """What a run sees to before it begins."""
    from xlforget import output, planning
    from xlforget.asked import Apply
    from xlforget.unlearn.methods import method

    how = method("adaptive", rounds=3, lr=6e-3)
    asked = Apply(
        requests=(str(place / "request.jsonl"),), model=str(place / "model"), out=place / "out", key=None,
        languages=("en", "fr"), method=how, samples=64,
    )  # fmt: skip
    return output._states(asked, planning.dry_run(asked))


def killed_in_training(server: "Server", place: Path) -> int:
    """Start the command, kill it once states and a checkpoint are there; which file the states are."""
    pid, log = server.start(server.apply())
    wanted = (place / STATES, place / ".out.work" / "checkpoint" / "state.json")
    deadline = time.monotonic() + 60
    while not all(path.exists() for path in wanted) and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    assert server.end(log, time.monotonic()).code == -signal.SIGKILL
    return (place / STATES).stat().st_ino


def test_a_killed_run_leaves_states_in_its_work_folder_alone_that_the_next_one_reads(
    server: "Server", straight: "Straight", place: Path
) -> None:
    first = killed_in_training(server, place)
    assert killed_in_training(server, place) == first
    found = [str(path.relative_to(place)) for path in place.rglob("*teacher*")]
    assert found == [STATES]
    assert (place / STATES).stat().st_size <= room_for_states(place)
    done = server.run(server.apply())
    assert done.code == 0, done.log
    assert server.outcome() == straight.outcome
    assert not list(place.rglob("*teacher*"))
    assert not (place / ".out.work").exists()


def with_a_layer_before_its_head(tokenizer: Any) -> Any:
    import torch
    from transformers import BertConfig, BertLMHeadModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=48, num_hidden_layers=2, num_attention_heads=2, intermediate_size=144,
        max_position_embeddings=128, is_decoder=True, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        pad_token_id=1, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    return BertLMHeadModel(config)


@pytest.mark.slow
def test_a_model_whose_head_is_more_than_a_map_forgets_under_a_live_teacher_with_a_warning(tmp_path: Path) -> None:
    make_place(tmp_path, make=with_a_layer_before_its_head, epochs=90)
    options = ["--out", "out", "--key", "k.pem", "--languages", "en,fr", "--rounds", "6", "--lr", "3e-3", "--samples", "64"]
    done = xlforget("apply", "request.jsonl", "--model", "model", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    warning = "the teacher runs live at every step"
    assert " ".join(done.stdout.split()).count(warning) == 2
    audit = json.loads((tmp_path / "out" / "audit.json").read_bytes())
    assert any(own.startswith(warning) for own in audit["verdict"]["warnings"])
    assert xlforget("verify", "out", "--key", "k.pub", cwd=tmp_path).returncode == 0
