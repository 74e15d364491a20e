"""Naming a translator costs nothing: none of the modules that need torch or an HTTP client loads it."""

import subprocess
import sys

MODULES = ("seq2seq", "ct2", "chat", "own")


def test_modules_are_cheap() -> None:
    imports = "; ".join(f"import xlforget.parallel.translators.{name}" for name in MODULES)
    heavy = "{'torch', 'transformers', 'ctranslate2', 'httpx2', 'huggingface_hub', 'sentencepiece'}"
    code = f"import sys; {imports}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
