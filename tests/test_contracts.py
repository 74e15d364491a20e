"""The import contracts hold, and each of them notices when it is broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=60)


def test_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("request/extra.py", "import xlforget.cli.console"),
        ("errors.py", "import xlforget.request"),
        ("request/extra.py", "import torch"),
        ("parallel/extra.py", "from transformers import AutoTokenizer"),
        ("parallel/translators/chat.py", "import torch"),
        ("artifact/extra.py", "def load() -> None:\n    import torch"),
        ("measure/extra.py", "import xlforget.unlearn"),
        ("unplaced.py", ""),
    ],
)
def test_a_broken_contract_is_noticed(tmp_path: Path, module: str, line: str) -> None:
    shutil.copytree(ROOT / "xlforget", tmp_path / "xlforget", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "xlforget" / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout or "unplaced" in done.stdout
