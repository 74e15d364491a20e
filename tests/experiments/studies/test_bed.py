"""Several commands over one bed: one makes it, and what each does on its way is its own."""

import threading
from pathlib import Path

from tests.experiments.studies import fake
from xlforget.experiments.sets import put
from xlforget.experiments.studies import bed, trial
from xlforget.experiments.studies.study import Arm, Cell


def test_a_second_command_waits_until_the_first_has_made_the_bed(tmp_path: Path) -> None:
    entered = threading.Event()

    def second() -> None:
        with bed.alone(tmp_path):
            entered.set()

    other = threading.Thread(target=second)
    with bed.alone(tmp_path):
        other.start()
        assert not entered.wait(0.1)
    assert entered.wait(5)
    other.join()


def test_cells_of_one_name_in_two_studies_do_not_meet(tmp_path: Path) -> None:
    own, cell = fake.bed(tmp_path), Cell(Arm("adaptive"), 0)
    with trial.scratch(own, cell) as one, trial.scratch(own, cell) as other:
        (one / "model").mkdir()
        assert one != other
        assert not list(other.iterdir())
    assert not list((tmp_path / "scratch").iterdir())


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "rows.jsonl"
    put(target, ["a", "b"])
    with target.open() as reader:
        put(target, ["c"])
        assert reader.read() == "a\nb\n"
    assert target.read_text() == "c\n"
    assert list(tmp_path.iterdir()) == [target]
