"""The package as others get it: sdist and wheel, what is in them, and the wheel alone in a new environment."""

import ast
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def bare(requirement: str) -> str:
    """The normalised name of a requirement, without extras, versions and markers."""
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel made from it, built from a copy so that the checkout stays clean."""
    source, out = tmp_path_factory.mktemp("source") / "xlforget", tmp_path_factory.mktemp("dist")
    unwanted = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", "build", "dist", "*.egg-info", "demo")
    shutil.copytree(ROOT, source, ignore=unwanted)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@cache
def shipped_files() -> frozenset[str]:
    """Every file of the package folder that is not a by-product."""
    found = (path for path in (ROOT / "xlforget").rglob("*") if path.is_file() and path.suffix != ".pyc")
    return frozenset(path.relative_to(ROOT).as_posix() for path in found)


def test_wheel_holds_the_package_whole_and_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        names = archive.namelist()
    papers = {name for name in names if ".dist-info/" in name}
    assert set(names) - papers == shipped_files()
    assert any(name.endswith("licenses/LICENSE") for name in papers)


def test_sdist_holds_what_a_developer_needs(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"Makefile", "constraints.txt", "README.md", "LICENSE", "CHANGELOG.md", "tests/test_package.py"}
    assert wanted | shipped_files() <= names


def test_wheel_works_alone_in_a_new_environment(built: Path, tmp_path: Path) -> None:
    """Its dependencies are lent by a path file, so nothing is downloaded; this checkout is not on that path."""
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(next(built.glob("*.whl")))], check=True, timeout=60)
    own = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True)
    (Path(own.strip()) / "lent.pth").write_text(sysconfig.get_path("purelib"))

    def run(*command: str) -> str:
        return subprocess.check_output(command, text=True, cwd=tmp_path, timeout=60)

    assert run(str(python), "-c", "import xlforget; print(xlforget.__file__)").startswith(own.strip())
    assert "Exit codes" in run(str(python.with_name("xlforget")), "--help")
    code = "from xlforget.request import phrasebook; print(len(phrasebook.relations()))"
    assert int(run(str(python), "-c", code)) >= 20


def imported() -> set[str]:
    """Top-level names of everything that the package imports, anywhere in its code."""
    names: set[str] = set()
    for path in (ROOT / "xlforget").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"xlforget"}


def test_everything_imported_is_declared() -> None:
    extras = PROJECT["optional-dependencies"]
    declared = {bare(line) for line in PROJECT["dependencies"]}
    declared |= {bare(line) for extra, lines in extras.items() if extra != "dev" for line in lines}
    providers = packages_distributions()
    undeclared = {
        name for name in imported() if not {dist.lower().replace("_", "-") for dist in providers.get(name, [name])} & declared
    }
    assert not undeclared


def test_everything_that_make_installs_is_pinned() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines), "exact, without local tags"
    pinned = {bare(line) for line in lines}
    assert {bare(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]} <= pinned
    assert "torch==2.13.0" in lines
    assert "torch==2.13.0" in (ROOT / "Makefile").read_text()


def test_version_is_in_the_changelog() -> None:
    import xlforget

    assert f"## [{xlforget.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
