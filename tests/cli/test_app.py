"""The front door: what --help loads, and how each kind of error ends."""

import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
import typer

from xlforget.cli import app
from xlforget.errors import IntegrityError, MachineError, Problem, RequestError, UsageError

SECRET = "Zorvana Quillfeather"
HEAVY = {"torch", "transformers", "model_signing", "datasets", "accelerate", "numpy"}


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "xlforget", *args], capture_output=True, text=True, timeout=60)


def loaded_by(*args: str) -> set[str]:
    code = (
        "import sys\nfrom xlforget.cli.app import main\n"
        f"try:\n    main({list(args)!r})\nexcept SystemExit as leave:\n    assert not leave.code, leave.code\n"
        "print('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """A stand-in for one command's module; the test sets what its function does."""
    module = types.ModuleType("xlforget.cli.clean")
    monkeypatch.setitem(sys.modules, "xlforget.cli.clean", module)
    module.__spec__ = find_spec("xlforget.cli.console")
    app._load.cache_clear()
    yield module
    app._load.cache_clear()


def leave(module: types.ModuleType, error: BaseException, *args: str) -> object:
    def clean() -> None:
        raise error

    module.clean = clean  # type: ignore[attr-defined]
    with pytest.raises(SystemExit) as left:
        app.main([*args, "clean"])
    return left.value.code


def test_help_loads_nothing_heavy() -> None:
    assert not loaded_by("--help") & HEAVY


def names() -> list[str]:
    return [name for name in app.COMMANDS if find_spec(f"xlforget.cli.{name}")]


@pytest.mark.parametrize("name", names())
def test_every_commands_help_works_and_loads_nothing_heavy(name: str) -> None:
    assert not loaded_by(name, "--help") & HEAVY


def test_help_answers_at_once() -> None:
    """Not the clock but a yardstick taken beside it: --help costs a few starts of its own command line library."""

    def seconds(*args: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, *args], capture_output=True, check=True, timeout=60)
        return time.perf_counter() - begun

    library = min(seconds("-c", "import typer, rich.console, rich.markdown") for _ in range(3))
    assert min(seconds("-m", "xlforget", "--help") for _ in range(3)) < 4 * library


def test_help_lists_the_commands_that_are_there() -> None:
    text = run("--help").stdout
    assert all(name in text for name in names())


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, "xlforget 0.1.0\n")


@pytest.mark.parametrize("args", [["no-such-command"], ["clean"], ["clean", "x", "--no-such-option"]])
def test_a_wrong_call_is_exit_2(args: list[str]) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Error" in done.stderr


def test_completion_stays_on() -> None:
    environment = {**os.environ, "_XLFORGET_COMPLETE": "complete_bash", "COMP_WORDS": "xlforget cl", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-m", "xlforget"], capture_output=True, text=True, env=environment, timeout=60)
    assert "clean" in done.stdout.split()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("what", do="do"), 2),
        (IntegrityError("DIGEST", "what", files=["model.safetensors"], do="do"), 3),
        (MachineError("what", do="do"), 4),
    ],
)
def test_our_errors_say_what_happened_and_what_to_do(
    command: types.ModuleType, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    assert leave(command, error) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert "Error: what\n" in said.err
    assert said.err.endswith("do\n")
    assert "Traceback" not in said.err
    assert all(f"  {name}\n" in said.err for name in getattr(error, "files", ()))


def test_every_problem_stands_on_its_own_line(command: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem(line, "TWO_MASKS", "more than one <mask> in a rather long explanation " * 3) for line in (3, 9)]
    assert leave(command, RequestError("request.jsonl", problems)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Error: request.jsonl: 2 problems"
    assert lines[1:3] == [f"  {problem}" for problem in problems]


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(SECRET), "Out of memory"),
        (OutOfMemoryError(SECRET), "Out of memory"),
        (RuntimeError(f"DefaultCPUAllocator: can't allocate memory {SECRET}"), "Out of memory"),
        (OSError(28, SECRET), "No space left"),
        (ModuleNotFoundError(SECRET, name="peft"), "'peft' is not installed"),
        (ValueError(SECRET), "Unexpected ValueError"),
        (PermissionError(13, "Permission denied", SECRET), "Unexpected PermissionError (Permission denied)"),
    ],
)
@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_foreign_errors_are_exit_4_and_never_quoted(
    command: types.ModuleType, capsys: pytest.CaptureFixture[str], error: Exception, said: str, debug: list[str]
) -> None:
    error.__cause__ = KeyError(SECRET)
    assert leave(command, error, *debug) == 4
    printed = capsys.readouterr()
    assert said in printed.err
    assert SECRET not in printed.err + printed.out
    assert ("test_app.py" in printed.err) == bool(debug)
    assert ("KeyError" in printed.err) == bool(debug)


def test_debug_may_stand_after_the_command(command: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def clean() -> None:
        raise ValueError(SECRET)

    command.clean = clean  # type: ignore[attr-defined]
    with pytest.raises(SystemExit):
        app.main(["clean", "--debug"])
    assert "raise ValueError" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(command: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave(command, KeyboardInterrupt()) == 130
    assert "Run the same command again" in capsys.readouterr().err


def test_ctrl_c_names_no_work_folder_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure() -> None:
        raise KeyboardInterrupt

    module = types.ModuleType("xlforget.cli.measure")
    module.measure = measure  # type: ignore[attr-defined]
    module.__spec__ = find_spec("xlforget.cli.console")
    monkeypatch.setitem(sys.modules, "xlforget.cli.measure", module)
    app._load.cache_clear()
    with pytest.raises(SystemExit) as left:
        app.main(["measure"])
    app._load.cache_clear()
    said = capsys.readouterr().err
    assert (left.value.code, "Run the same command again" in said, "work folder" in said) == (130, True, False)


def test_sigterm_leaves_like_ctrl_c(command: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def clean() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    command.clean = clean  # type: ignore[attr-defined]
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as left:
            app.main(["clean"])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert left.value.code == 130


def test_a_command_chooses_its_exit_code(command: types.ModuleType) -> None:
    assert leave(command, typer.Exit(1)) == 1


def test_apply_help_has_a_phrase_for_each_method_and_sampling() -> None:
    from typing import get_args

    from xlforget.unlearn.curriculum import Sampling
    from xlforget.unlearn.methods import METHODS

    told = run("apply", "--help").stdout.replace("\u2502", " ").split()
    words = {word.rstrip(".,:") for word in told}
    assert set(METHODS) | set(get_args(Sampling)) <= words
