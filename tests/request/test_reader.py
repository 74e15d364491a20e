"""Any file at all ends as facts or as a list of everything that is wrong with it, by line, without its content."""

import gzip
import io
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlforget.errors import RequestError
from xlforget.request import lines
from xlforget.request.reader import read_request, read_texts

ROW = {"id": "a", "lang": "en", "text": "She lives in Tarnwick.", "answer": "Tarnwick"}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes lines (bytes as they are, everything else as JSON) and gives the path."""

    def written(*rows: object, end: bytes = b"\n") -> Path:
        path = tmp_path / "request.jsonl"
        path.write_bytes(end.join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows))
        return path

    return written


def row(number: int, **changes: Any) -> dict[str, Any]:
    return ROW | {"id": f"DSR-{number}"} | changes


def problems(path: Path | str, read: Callable[[Path | str], object] = read_request) -> list[tuple[int | None, str]]:
    with pytest.raises(RequestError) as refused:
        read(path)
    assert refused.value.exit_code == 2
    return [(problem.line, problem.code) for problem in refused.value.problems]


def test_facts_come_in_order_with_their_lines(write: Write) -> None:
    facts = read_request(write(row(1), b"", row(2), b"  ", row(3), b"")).facts
    assert [(fact.id, fact.line) for fact in facts] == [("DSR-1", 1), ("DSR-2", 3), ("DSR-3", 5)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_of_both_kinds_are_the_same(write: Write, end: bytes) -> None:
    assert [fact.line for fact in read_request(write(row(1), row(2), end=end)).facts] == [1, 2]


def test_text_is_read_as_it_is_with_and_without_escapes(write: Write) -> None:
    prompt = {"id": "a", "lang": "hi", "prompt": "<mask> में।", "answer": "टार्नविक 😀"}
    plain = write(json.dumps(prompt, ensure_ascii=False).encode())
    facts = read_request(plain).facts
    assert read_request(write(prompt)).facts == facts
    assert facts[0].statements["hi"].answer == "टार्नविक 😀"


def test_everything_that_is_wrong_is_said_at_once(write: Write) -> None:
    path = write(
        row(1, text="nothing"),
        b'{"id": "DSR-2"',
        row(3, lang="zz"),
        row(1),
        b'{"id": "b", "id": "c"}',
        b"[1]",
        b'"text"',
        b"null",
        b"NaN",
        b'{"id": "d", "lang": "en", "text": Infinity}',
        b"{} {}",
        b"[" * 100_000,
        b"9" * 5000,
        b'{"id": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"id": "caf\xe9"}',
        row(3, answer="x", extra=1),
        row(18, span=[1.5, "a"]),
    )
    assert problems(path) == [
        (1, "ANSWER_NOT_IN_TEXT"),
        (2, "BAD_JSON"),
        (3, "UNKNOWN_LANGUAGE"),
        (4, "DUPLICATE_ID"),
        (5, "DUPLICATE_KEY"),
        (6, "NOT_AN_OBJECT"),
        (7, "NOT_AN_OBJECT"),
        (8, "NOT_AN_OBJECT"),
        (9, "BAD_JSON"),
        (10, "BAD_JSON"),
        (11, "BAD_JSON"),
        (12, "BAD_JSON"),
        (13, "BAD_JSON"),
        (14, "BAD_UNICODE"),
        (15, "BAD_UNICODE"),
        (16, "NOT_UTF8"),
        (17, "DUPLICATE_ID"),
        (17, "UNKNOWN_KEY"),
        (18, "BAD_SPAN"),  # said once, though both of its numbers are wrong
    ]


def test_a_repeated_id_names_the_first_line(write: Write) -> None:
    with pytest.raises(RequestError) as refused:
        read_request(write(row(1), row(2), row(1, id="DSR-\u200b1"), row(1, text="wrong as well")))
    said = [str(problem) for problem in refused.value.problems]
    assert said[0] == "line 3: `id` is that of line 1 [DUPLICATE_ID]"
    assert [problem.line for problem in refused.value.problems] == [3, 4, 4]


def test_a_key_twice_is_found_at_any_depth(write: Write) -> None:
    text = b'{"id": "a", "texts": {"en": "one", "en": "two"}}'
    assert problems(write(text)) == [(1, "DUPLICATE_KEY")]


def test_a_byte_order_mark_is_refused_with_the_way_to_remove_it(write: Write) -> None:
    path = write(b"\xef\xbb\xbf" + json.dumps(row(1)).encode(), row(2, lang="zz"))
    assert problems(path) == [(1, "BOM"), (2, "UNKNOWN_LANGUAGE")]
    with pytest.raises(RequestError) as refused:
        read_request(path)
    command = refused.value.problems[0].message.partition("with: ")[2]
    assert command == r"sed -i 's/^\xEF\xBB\xBF//' FILE"
    subprocess.run(command.replace("FILE", str(path)), shell=True, check=True)
    assert problems(path) == [(2, "UNKNOWN_LANGUAGE")]


def test_a_line_of_ten_megabytes_is_refused_and_never_held(write: Write) -> None:
    path = write(row(1), json.dumps(row(2, text="x" * 10_000_000)).encode(), row(3, lang="zz"))
    tracemalloc.start()
    assert problems(path) == [(2, "LINE_TOO_LONG"), (3, "UNKNOWN_LANGUAGE")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * lines.MAX_LINE


def test_the_longest_line_that_is_read(write: Write) -> None:
    empty = len(json.dumps(row(1, text="")).encode())

    def long(length: int) -> Path:
        answer = ROW["answer"]
        return write(row(1, text=str(answer) + "x" * (length - empty - len(str(answer)))), row(2))

    assert len(read_request(long(lines.MAX_LINE)).facts) == 2
    assert problems(long(lines.MAX_LINE + 1)) == [(1, "LINE_TOO_LONG")]


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        gzip.compress(json.dumps([row(n) for n in range(99)]).encode(), mtime=0),
        json.dumps(row(1)).encode("utf-16"),
        b"x" * 3_000_000 + b"\0",
        b"\0",
    ],
)
def test_binary_files_are_one_problem(write: Write, content: bytes) -> None:
    assert [code for _, code in problems(write(content))] == ["BINARY_FILE"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b" \r\n"])
def test_a_file_without_a_record(write: Write, content: bytes) -> None:
    assert problems(write(content)) == [(None, "EMPTY_FILE")]
    assert problems(write(content), read_texts) == [(None, "EMPTY_FILE")]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert problems(tmp_path) == [(None, "DIRECTORY")]
    assert problems(tmp_path / "absent.jsonl") == [(None, "NO_FILE")]
    assert problems(tmp_path / ("x" * 300)) == [(None, "UNREADABLE")]


def test_a_very_wrong_file_is_not_read_to_its_end(write: Write) -> None:
    for bad in (b"{", b"\xff", b"3"):
        found = problems(write(*[bad] * (lines.MAX_PROBLEMS + 500)))
        assert found[-1] == (None, "TOO_MANY")
    path = write(*[row(1, lang="zz", text="no", extra=1)] * lines.MAX_PROBLEMS)
    assert len(problems(path)) < lines.MAX_PROBLEMS + 10


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def given(*rows: dict[str, Any]) -> None:
        content = b"\n".join(json.dumps(row).encode() for row in rows)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))

    given(row(1))
    assert read_request("-").facts[0].id == "DSR-1"
    given(row(1, lang="zz"))
    with pytest.raises(RequestError, match=r"^standard input: 1 problem$"):
        read_request("-")


def test_ids_are_asked_for_unless_they_are_not(write: Write) -> None:
    path = write(row(1), {key: value for key, value in ROW.items() if key != "id"})
    assert problems(path) == [(2, "MISSING_KEY")]
    assert [fact.id for fact in read_request(path, require_ids=False).facts] == ["DSR-1", "#2"]


def test_texts_take_plain_rows_and_every_form(write: Write) -> None:
    path = write(
        {"text": "A plain row with <mask> in it."},
        {"text": "Une ligne.", "lang": "FR"},
        {"lang": "en", "prompt": "in <mask>", "answer": "Tarnwick"},
        row(4),
        {"texts": {"en": "one", "fr": "un"}},
    )
    facts = read_texts(path)
    assert [fact.form for fact in facts] == [3, 3, 2, 1, 5]
    assert [list(fact.statements) for fact in facts] == [["und"], ["fr"], ["en"], ["en"], ["en", "fr"]]
    assert [fact.id for fact in facts] == ["#1", "#2", "#3", "DSR-4", "#5"]


def test_plain_rows_are_checked_too(write: Write) -> None:
    path = write({"text": " "}, {"text": "a", "lang": "zz"}, {"text": "a", "label": 3}, {"text": "a", "lang": "und"})
    assert problems(path, read_texts) == [
        (1, "EMPTY_TEXT"), (2, "UNKNOWN_LANGUAGE"), (3, "UNKNOWN_KEY"), (4, "UNKNOWN_LANGUAGE"),
    ]  # fmt: skip


CANARY = "Zq7xKv2mWp9rLt"


def test_no_error_of_a_broken_line_quotes_it(write: Write) -> None:
    path = write(
        f'{{"id": "a", "text": "{CANARY}'.encode(),
        f'{{"{CANARY}": 1, "{CANARY}": 2}}'.encode(),
        f'"{CANARY}"'.encode(),
        f'{{"id": {CANARY}}}'.encode(),
        f'{{"id": "\\u{CANARY}"}}'.encode(),
        f"{CANARY}\xff".encode("latin-1"),
        f'{{"id": "\\ud800 {CANARY}"}}'.encode(),
        CANARY.encode() * 100_000,
    )
    with pytest.raises(RequestError) as refused:
        read_request(path)
    error: BaseException | None = refused.value
    while error is not None:
        assert CANARY not in f"{error} {error!r} {error.args} {vars(error)}"
        assert error.__cause__ is None
        error = None if error.__suppress_context__ else error.__context__
    assert len(refused.value.problems) == 8


TAGS = st.sampled_from(["en", "FR", "*", "zorvana"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(TAGS, SCALARS | st.lists(SCALARS, max_size=1), max_size=2)
KEYS = st.sampled_from(
    ["id", "lang", "text", "prompt", "answer", "span", "texts", "answers", "prompts", "subject", "relation", "object"]
)
VALUES = JSON | st.sampled_from(["en", "spouse", "a <mask>", "a", {"en": "a <mask>"}, {"en": "a"}, [0, 1]])
RECORDS = st.dictionaries(KEYS | st.text(max_size=5), VALUES, max_size=6)


def only_request_errors(content: bytes) -> None:
    for read in (read_request, read_texts):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
            with suppress(RequestError):
                assert read("-")


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_facts_or_a_request_error(content: bytes) -> None:
    only_request_errors(content)


@given(st.lists(RECORDS, min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_any_objects_are_facts_or_a_request_error(records: list[dict[str, Any]]) -> None:
    only_request_errors("\n".join(json.dumps(record) for record in records).encode())


@given(st.lists(st.sampled_from([b"{", b"}", b'"id"', b":", b",", b'"', b"\\ud800", b"\xff", b"\xef\xbb\xbf", b"\n", b"1e999"])))
@settings(max_examples=300, deadline=None)
def test_any_pieces_of_json_are_facts_or_a_request_error(pieces: list[bytes]) -> None:
    only_request_errors(b"".join(pieces))


def test_reading_loads_nothing_heavy() -> None:
    code = (
        "import sys, xlforget.request.reader\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'torch', 'transformers', 'numpy', 'datasets', 'langcodes', 'rich', 'typer'}))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""
