"""A machine that cannot: no disk, no memory, no place to write, another run at work: exit 4, nothing half there."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Server, Straight

pytestmark = pytest.mark.e2e

Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a tmpfs with the given options; skips where the tests may not mount."""
    place = tmp_path / "disk"

    def tmpfs(options: str) -> Path:
        place.mkdir(exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("may not mount a file system here")
        return place

    yield tmpfs
    subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


def fill(file: Path) -> None:
    """Take what is left of a disk."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as taken:
        while True:
            taken.write(b"\0" * 4096)


def test_a_disk_that_fills_up_in_the_middle(server: "Server", straight: "Straight", mount: Mount) -> None:
    disk = mount("size=80m")
    args = server.apply(out=str(disk / "out"))
    for stage in ("sampling text that must stay", "unlearning", "measuring the files that were written"):
        pid, log = server.start(args)
        server.wait_for(stage, pid, log)
        filler = disk / "filler"
        fill(filler)
        ended = server.end(log, 0.0)
        assert ended.code == 4, (stage, ended.log)
        assert "disk" in ended.log
        assert "Traceback" not in ended.log
        assert {path.name for path in disk.iterdir()} <= {"filler", ".out.work"}
        filler.unlink()
    assert server.run(args).code == 0
    assert server.outcome(str(disk / "out")) == straight.outcome
    assert {path.name for path in disk.iterdir()} == {"out", "out.xfset", "out.openings"}


def test_a_disk_without_room_for_checkpoints_is_a_warning(server: "Server", mount: Mount) -> None:
    disk = mount("size=90m")
    pid, log = server.start(server.apply(out=str(disk / "out")))
    server.wait_for("measuring what the model knows", pid, log)
    filler = disk / "filler"
    filler.write_bytes(bytes(50 << 20))
    server.wait_for("measuring the files that were written", pid, log)
    filler.unlink()
    ended = server.end(log, 0.0)
    assert ended.code == 0, ended.log
    assert "too little disk for checkpoints" in ended.log
    assert server.outcome(str(disk / "out"))["verdict"]["passed"]


def test_too_small_a_disk_is_said_before_any_training(server: "Server", mount: Mount) -> None:
    disk = mount("size=8m")
    ended = server.run(server.apply(out=str(disk / "out")))
    assert ended.code == 4, ended.log
    assert "unlearning" not in ended.stages
    assert not (disk / "out").exists()


def test_a_place_that_cannot_be_written(server: "Server", mount: Mount) -> None:
    disk = mount("size=80m,ro")
    ended = server.run(server.apply(out=str(disk / "out")))
    assert ended.code == 4, ended.log
    assert "Nothing can be written" in ended.log
    assert ended.stages == [], "said before anything is loaded"
    assert list(disk.iterdir()) == []


@pytest.mark.parametrize("megabytes", [8, 32])
def test_too_little_memory(server: "Server", straight: "Straight", megabytes: int) -> None:
    ended = server.run(server.apply(), limit=megabytes << 20)
    try:
        if ended.code != 0:
            # Where a library aborts (Rust's allocator does, and the loader with 127), nobody is left to say anything.
            assert ended.code in (4, 127) or ended.code < 0, ended.log
            assert ended.code != 4 or "Out of memory" in ended.log, ended.log
            assert not (server.place / "out").exists()
            assert server.run(server.apply()).code == 0
        assert server.outcome() == straight.outcome
    finally:
        server.clear()


def test_a_second_run_on_the_same_output_is_refused_and_does_not_disturb_the_first(
    server: "Server", straight: "Straight"
) -> None:
    from xlforget.errors import MachineError
    from xlforget.work import Work

    pid, log = server.start(server.apply())
    server.wait_for("measuring what the model knows", pid, log)
    with pytest.raises(MachineError) as caught:
        Work(server.place / "out")
    assert caught.value.code == "LOCKED"
    assert server.end(log, 0.0).code == 0
    assert server.outcome() == straight.outcome
    server.clear()
