"""The parallel set file: private, exact, pinned, and silent about what it holds when it is wrong."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlforget.errors import UsageError
from xlforget.parallel.parallel_set import Pair, ParallelSet, TranslatorInfo, Wording

SECRET = "Zorvana Quillfeather"
INFO = TranslatorInfo(name="given", version="0.1.0", licence="Apache-2.0")


def pair(fact: str = "f1", lang: str = "en", text: str = f"{SECRET} lives in Tarnwick.", **changes: object) -> Pair:
    wording = Wording(text=text, span=(0, 1), role="all")
    values = {
        "fact": fact, "lang": lang, "wordings": (wording,), "candidates": ("Oldmere",), "relation": None,
        "status": "ok", "translator": "given",
    }  # fmt: skip
    return Pair.model_validate(values | changes)


def parallel(*pairs: Pair, salt: str = "ab" * 32) -> ParallelSet:
    return ParallelSet(pairs=pairs, languages=("en", "hi"), salt=salt, translators=(INFO,))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(TEXTS, TEXTS)
@settings(max_examples=50, deadline=None)
def test_any_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, text: str, candidate: str) -> None:
    path = tmp_path_factory.mktemp("set") / "set.jsonl"
    value = parallel(pair(text=text, candidates=(candidate,)), pair(lang="hi", text=text))
    value.save(path)
    assert ParallelSet.load(path) == value
    assert ParallelSet.load(path).digest() == value.digest()


def test_file_is_the_owners_only_even_where_one_was_open_before(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text("old")
    path.chmod(0o644)
    before = os.umask(0)
    try:
        parallel(pair()).save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["set.jsonl"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "set.jsonl"
    parallel(pair()).save(path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        parallel(pair(), pair("f2")).save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_digest_changes_with_the_pairs_and_with_the_salt() -> None:
    digests = {
        parallel(pair()).digest(),
        parallel(pair(), salt="cd" * 32).digest(),
        parallel(pair(text=f"{SECRET} lives in Tarnwick!")).digest(),
        parallel(pair(candidates=())).digest(),
        parallel(pair(status="warn")).digest(),
        parallel(pair(), pair("f2")).digest(),
        parallel(pair("f2"), pair()).digest(),
    }
    assert len(digests) == 7
    assert all(len(digest) == 64 for digest in digests)


def test_digest_stays_the_same_over_releases() -> None:
    """A bundle of an older release must still match its audit; the value was computed with hmac and json alone."""
    assert parallel(pair()).digest() == "b91bba57e2af98e0d2037c0af0f7adfb499016e095d02666fb38b46d3dc27b5e"


def test_each_set_has_its_own_salt() -> None:
    salts = {ParallelSet(pairs=(), languages=(), translators=()).salt for _ in range(3)}
    assert len(salts) == 3


def test_usable_pairs() -> None:
    pairs = [
        pair("f1"),
        pair("f2", status="warn"),
        pair("f3", status="review", wordings=()),
        pair("f4", status="fail", wordings=()),
    ]
    assert [item.fact for item in parallel(*pairs).usable()] == ["f1", "f2"]


@pytest.mark.parametrize(
    "changes", [{"wordings": ()}, {"wordings": ({"text": SECRET, "span": (3, 99), "role": "all"},)}, {"extra": SECRET}]
)
def test_a_pair_that_cannot_be_used_is_refused_without_quoting_it(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error") as refused:
        pair(**changes)
    assert SECRET not in str(refused.value)


def test_printing_a_set_by_mistake_shows_no_text() -> None:
    assert not any(text in repr(parallel(pair())) for text in (SECRET, "Oldmere", "abab"))


def test_two_pairs_of_one_fact_and_language_are_refused() -> None:
    with pytest.raises(ValueError, match="two pairs") as refused:
        parallel(pair(), pair())
    assert SECRET not in str(refused.value)


def edited(lines: list[str], line: int, **changes: object) -> list[str]:
    lines[line] = json.dumps(json.loads(lines[line]) | changes)
    return lines


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda lines: [], "line 1"),
        (lambda lines: lines[1:], "line 1"),
        (lambda lines: lines[:-1], "holds 1 pairs and its header says 2"),
        (lambda lines: [*lines, lines[-1]], "holds 3 pairs"),
        (lambda lines: [*lines[:2], lines[2][:-9]], "line 3 is not JSON"),
        (lambda lines: edited(lines, 0, version=1), "line 1: version"),
        (lambda lines: edited(lines, 0, salt=SECRET), "line 1: salt"),
        (lambda lines: edited(lines, 2, status=SECRET), "line 3: status"),
        (lambda lines: edited(lines, 2, lang="en"), "two pairs"),
        (lambda lines: edited(lines, 2, lang="de"), "a language that the set does not name"),
        (lambda lines: [*lines[:2], f'"{SECRET}"'], "line 3"),
    ],
)
def test_a_file_that_is_wrong_is_refused_without_quoting_it(tmp_path: Path, break_it: object, said: str) -> None:
    path = tmp_path / "set.jsonl"
    parallel(pair(), pair(lang="hi")).save(path)
    assert callable(break_it)
    path.write_text("\n".join(break_it(path.read_text("utf-8").splitlines())), encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        ParallelSet.load(path)
    assert refused.value.code == "PARALLEL_SET"
    assert said in refused.value.what
    assert SECRET not in refused.value.what
    assert refused.value.__suppress_context__


def test_a_binary_or_absent_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_bytes(b"\xff\xfe\x00")
    for name in ("set.jsonl", "absent.jsonl"):
        with pytest.raises(UsageError):
            ParallelSet.load(tmp_path / name)
