"""What several processes cannot do is refused before anything loads, all of it at once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xlforget import alone
from xlforget.asked import Apply
from xlforget.errors import UsageError
from xlforget.unlearn.memory import Memory
from xlforget.unlearn.methods import METHODS

ASKED = Apply(requests=("request.jsonl",), model="model", out=Path("out"), key=None)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"memory": Memory(lora_rank=4)}, "--lora"),
        ({"memory": Memory(optimizer="adamw8bit")}, "--optimizer adamw8bit"),
        ({"memory": Memory(precision="bf16")}, "--precision bf16"),
        ({"method": METHODS["rmu"]}, "--method rmu"),
        ({"method": METHODS["task-vector"]}, "--method task-vector"),
        ({"method": METHODS["lingtea-released"]}, "--method lingtea-released"),
        ({"teacher": "other"}, "--teacher"),
        ({"translator": "self"}, "--translator self"),
        ({"device": "cuda:1"}, "--device cuda:1"),
        ({"teacher": "other", "memory": Memory(lora_rank=4)}, "--lora, --teacher"),
    ],
)
def test_it_is_refused_on_several_processes_only(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], named: str) -> None:
    asked = replace(ASKED, **change)
    alone.refuse(asked)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError) as refused:
        alone.refuse(asked)
    assert refused.value.what.endswith(f": {named}.")


def test_a_dry_run_is_refused_and_all_other_methods_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in METHODS.keys() - {"rmu", "task-vector", "lingtea-released"}:
        alone.refuse(replace(ASKED, method=METHODS[name]))
    with pytest.raises(UsageError, match="--dry-run"):
        alone.refuse(ASKED, dry_run=True)
