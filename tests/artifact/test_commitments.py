"""Commitments: the right record opens the root, nothing else does, and one opening tells nothing of the others."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlforget.artifact import commitments
from xlforget.artifact.commitments import Opening, canonical_record, commit, opens, read_openings, root_of
from xlforget.errors import IntegrityError, UsageError


def records(count: int) -> list[tuple[str, bytes]]:
    return [(f"D-{k}", canonical_record({"id": f"D-{k}", "object": f"Tarnwick {k}"})) for k in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 40])
def test_every_record_opens_and_no_other_does(count: int) -> None:
    commitment, openings = commit(records(count))
    for k, (name, record) in enumerate(records(count)):
        assert openings[k].id == name
        assert opens(commitment, openings[k], record)
        assert not opens(commitment, openings[k], record + b" ")
        assert not opens(commitment, openings[(k + 1) % count], record) or count == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda o: o.model_copy(update={"index": o.index + 1}),
        lambda o: o.model_copy(update={"index": o.index - 1}),
        lambda o: o.model_copy(update={"index": o.count}),
        lambda o: o.model_copy(update={"count": o.count + 1}),
        lambda o: o.model_copy(update={"request": "0" * 32}),
        lambda o: o.model_copy(update={"key": "0" * 64}),
        lambda o: o.model_copy(update={"path": o.path[1:]}),
        lambda o: o.model_copy(update={"path": (*o.path, "0" * 64)}),
        lambda o: o.model_copy(update={"path": o.path[::-1]}),
    ],
)
def test_an_opening_that_was_changed_opens_nothing(change: Callable[[Opening], Opening]) -> None:
    commitment, openings = commit(records(7))
    assert not opens(commitment, change(openings[3]), records(7)[3][1])


def test_the_tree_is_that_of_rfc_9162() -> None:
    """Known answers: the empty tree, one empty leaf, and the eight leaves of the Certificate Transparency test vectors."""
    leaves = [
        b"", b"\0", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43",
        bytes(range(0x50, 0x58)), bytes(range(0x60, 0x70)),
    ]  # fmt: skip
    assert root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of([b""]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert root_of(leaves[:3]).hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    assert root_of(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@given(st.integers(1, 70), st.data())
def test_the_path_leads_to_the_root(count: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))
    leaves = [bytes([k]) for k in range(count)]
    path = commitments.path_to(index, leaves)
    assert commitments.root_from(index, count, leaves[index], path) == root_of(leaves)
    assert commitments.root_from(index, count, leaves[index], path[:-1]) != root_of(leaves) or not path


def test_a_record_is_the_same_however_it_is_spelt() -> None:
    one = canonical_record({"a": "Zoë", "b": [{"c": "é"}]})
    assert one == canonical_record({"b": [{"c": "e\u0301"}], "a": unicodedata.normalize("NFD", "Zoë")})
    assert one != canonical_record({"a": "Zoe", "b": [{"c": "é"}]})


def test_two_commitments_to_one_request_have_nothing_in_common() -> None:
    (one, first), (other, second) = commit(records(2)), commit(records(2))
    assert one.root != other.root
    assert one.request != other.request
    assert not {o.key for o in first} & {o.key for o in second}
    assert first[0].key != first[1].key


def test_openings_are_lines_that_can_be_handed_over_alone(tmp_path: Path) -> None:
    commitment, openings = commit(records(5))
    path = tmp_path / "o.jsonl"
    path.write_bytes(commitments.to_lines(openings).splitlines(keepends=True)[3])
    (alone,) = read_openings(path)
    assert opens(commitment, alone, records(5)[3][1])
    assert alone.key not in repr(alone)


@pytest.mark.parametrize("line", [b"x", b"[]", b"{}", b'{"a":' * 2000, b'{"key": "zz"}', b"\xff", b'{"id":"\\ud800"}'])
def test_a_line_that_is_none_is_exit_3_and_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "o.jsonl"
    path.write_bytes(b"\n" + line)
    with pytest.raises(IntegrityError) as caught:
        read_openings(path)
    assert "line 2" in str(caught.value)
    with pytest.raises(UsageError):
        read_openings(tmp_path / "none")
