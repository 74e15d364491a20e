"""The chat backend against an endpoint on this machine that answers well, badly, slowly and with ill will."""

import gzip
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from xlforget.errors import MachineError, UsageError
from xlforget.parallel.translators import chat
from xlforget.parallel.translators.endpoint import Limits

SECRET = "Zorvana Quillfeather lives in Tarnwick."
QUICK = Limits(connect=1.0, read=0.4, total=0.8, size=20_000, tries=3, pause=0.01, longest_pause=0.05)
Answer = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


class Stub:
    """``answers``: what to do with each request in turn, the last one for all that follow. ``asked``: what came in."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        stub, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    stub.asked.append(body)
                    stub.headers.append(dict(self.headers))
                    answer = stub.answers[min(len(stub.asked), len(stub.answers)) - 1]
                answer(self, body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def engine(self, *answers: Answer, limits: Limits = QUICK) -> chat.Chat:
        self.answers = list(answers)
        return chat.open_engine(self.url, "tiny", limits=limits)


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, content: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def completion(content: Any, reason: str = "stop") -> bytes:
    return json.dumps({"choices": [{"finish_reason": reason, "message": {"role": "assistant", "content": content}}]}).encode()


ZIPPED = gzip.compress(completion("<out>Zorvana vive.</out>"))


def says(content: Any, reason: str = "stop") -> Answer:
    return lambda handler, body: send(handler, 200, completion(content, reason))


def status(code: int, **headers: str) -> Answer:
    return lambda handler, body: send(handler, code, SECRET.encode(), **headers)


def echo(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """The sentence and the target language come back, the later the shorter the sentence."""
    asked = body["messages"][1]["content"]
    text = asked.rpartition("\n\n")[2]
    match = re.search(r"into .*? \((\S+)\)\.", asked)
    time.sleep(max(0.0, 0.1 - len(text) / 400))
    send(handler, 200, completion(f"<out>{match[1] if match else ''}: {text}</out>"))


def test_each_text_comes_back_in_its_place(stub: Stub) -> None:
    texts = [f"{'Bees hum. ' * n}Number {n}." for n in range(6)] + ["Number 0."]
    found = stub.engine(echo).translate(texts, "en", "es")
    assert [each.text for each in found] == [f"es: {text}" for text in texts]
    assert all(each.ended for each in found)
    assert len(stub.asked) == 6  # equal texts are asked once


def test_what_is_sent(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(chat.KEY, "invented-key")
    stub.engine(echo).translate([SECRET], "en", "es")
    (body,) = stub.asked
    assert (body["temperature"], body["seed"], body["model"], body["stream"]) == (0, 0, "tiny", False)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert stub.headers[0]["Authorization"] == "Bearer invented-key"


def test_without_a_key_none_is_sent(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(chat.KEY, raising=False)
    stub.engine(echo).translate([SECRET], "en", "es")
    assert "Authorization" not in stub.headers[0]


def test_a_marked_text(stub: Stub) -> None:
    engine = stub.engine(says("<think>Hm, <a>?</think><out>Zorvana vive en <a>Tarnwick</a>.</out>"))
    (found,) = engine.translate(["Zorvana lives in <a>Tarnwick</a>."], "en", "es", marked=True)
    assert found.text == "Zorvana vive en <a>Tarnwick</a>."
    assert "<a> and </a>" in stub.asked[0]["messages"][1]["content"]


@pytest.mark.parametrize(
    "answer",
    [
        says("<out>Zorvana vi", "length"),
        says("<out>Zorvana vive.</out>", "content_filter"),
        says("<out>Zorvana vive.</out>", "tool_calls"),
        says(None),
        says([{"type": "text", "text": "<out>Zorvana vive.</out>"}]),
        says("Zorvana " * 500),
        says("<out>Zorvana <a>vive</a>.</out> <a>"),
        says("I cannot help with that."),
    ],
    ids=["truncated", "filtered", "tool", "null", "parts", "loop", "tags", "refusal"],
)
def test_an_answer_that_is_no_sentence_spoils_its_own_row_alone(stub: Stub, answer: Answer) -> None:
    engine = stub.engine(answer, echo)
    bad, good = engine.translate([SECRET], "en", "es"), engine.translate(["Bees hum."], "en", "es")
    assert [(each.text, each.ended) for each in (*bad, *good)] == [("", False), ("es: Bees hum.", True)]


def dripping(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """A byte at a time, each before the reader gives up."""
    content = completion("<out>Zorvana vive.</out>")
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    for byte in content:
        try:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.05)


def silent(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    time.sleep(0.7)
    handler.close_connection = True


def endless(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"Zorvana " * 1000)
    except OSError:
        pass


def broken_off(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "code", "requests"),
    [
        (lambda handler, body: send(handler, 200, b'{"choices": [Zorvana'), "ENDPOINT_ANSWER", 1),
        (lambda handler, body: send(handler, 200, b"[" * 15_000), "ENDPOINT_ANSWER", 1),
        (lambda handler, body: send(handler, 200, b'{"object": "Zorvana"}'), "ENDPOINT_ANSWER", 1),
        (lambda handler, body: send(handler, 200, b'["Zorvana"]'), "ENDPOINT_ANSWER", 1),
        (lambda handler, body: send(handler, 200, b'{"choices": [1]}'), "ENDPOINT_ANSWER", 1),
        (lambda handler, body: send(handler, 200, ZIPPED, Content_Encoding="gzip"), "ENDPOINT_ANSWER", 1),
        (endless, "ENDPOINT_ANSWER", 1),
        (dripping, "ENDPOINT_SLOW", 1),
        (silent, "ENDPOINT_SLOW", 3),
        (broken_off, "ENDPOINT_DOWN", 3),
        (status(401), "ENDPOINT_REFUSED", 1),
        (status(404), "ENDPOINT_REFUSED", 1),
        (status(503), "ENDPOINT_REFUSED", 3),
        (status(307, Location="http://127.0.0.1:9/v1"), "ENDPOINT_REFUSED", 1),
        (status(302, Location="https://elsewhere.example/"), "ENDPOINT_REFUSED", 1),
    ],
    ids=[
        "broken", "nested", "other", "list", "choice", "gzip", "endless", "dripping", "silent", "broken-off", "401", "404",
        "503", "307", "302",
    ],
)  # fmt: skip
def test_an_endpoint_that_does_not_work_ends_the_run_without_a_word_of_the_text(
    stub: Stub, answer: Answer, code: str, requests: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(MachineError) as failed:
        stub.engine(answer).translate([SECRET], "en", "es")
    assert failed.value.code == code
    assert len(stub.asked) == requests
    said = f"{failed.value!r} {failed.value} {failed.value.do} {caplog.text}"
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None or failed.value.__suppress_context__
    assert "Zorvana" not in said
    assert "Tarnwick" not in said


def test_a_redirect_on_this_machine_is_not_followed_either(stub: Stub) -> None:
    def to_itself(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        send(handler, 307, b"", Location=f"{stub.url}/chat/completions")

    with pytest.raises(MachineError):
        stub.engine(to_itself, echo).translate([SECRET], "en", "es")
    assert len(stub.asked) == 1


@pytest.mark.parametrize("first", [status(429, Retry_After="0"), status(500), status(503, Retry_After="tomorrow"), broken_off])
def test_an_endpoint_that_is_busy_is_asked_again(stub: Stub, first: Answer) -> None:
    (found,) = stub.engine(first, first, echo).translate(["Bees hum."], "en", "es")
    assert found.text == "es: Bees hum."
    assert len(stub.asked) == 3


def test_it_waits_as_long_as_it_is_asked_to_within_bounds(stub: Stub) -> None:
    limits = Limits(tries=2, pause=0.01, longest_pause=0.3)
    start = time.monotonic()
    stub.engine(status(429, Retry_After="3600"), echo, limits=limits).translate(["Bees hum."], "en", "es")
    assert 0.3 <= time.monotonic() - start < 3


def test_no_endpoint(stub: Stub) -> None:
    with pytest.raises(MachineError) as failed:
        chat.open_engine("http://127.0.0.1:9/v1", "tiny", limits=QUICK).translate([SECRET], "en", "es")
    assert failed.value.code == "ENDPOINT_DOWN"


def test_proxies_do_not_stand_between_us_and_this_machine(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert stub.engine(echo).translate(["Bees hum."], "en", "es")[0].text == "es: Bees hum."


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "http://localhost:8000/v1",
        "http://[::1]:8000/v1/",
        "http://127.8.8.8/",
        "https://localhost/v1",
    ],
)
def test_this_machine_needs_no_leave(url: str) -> None:
    assert chat.open_engine(url, "tiny").info().version == "prompt 1, this machine"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.elsewhere.example/v1", "http://10.0.0.5:8000/v1", "http://localhost.elsewhere.example/v1",
        "http://127.0.0.1.elsewhere.example/v1", "http://0.0.0.0:8000/v1", "http://[::ffff:10.0.0.5]/v1",
    ],
)  # fmt: skip
def test_other_machines_need_leave(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        chat.open_engine(url, "tiny")
    assert refused.value.code == "REMOTE_ENDPOINT"
    assert "--allow-remote-translator" in refused.value.do


def test_other_machines_by_leave() -> None:
    for url, host in (("https://api.elsewhere.example/v1", "api.elsewhere.example"), ("http://10.0.0.5:8000/v1", "10.0.0.5")):
        assert chat.open_engine(url, "tiny", allow_remote=True).info().version == f"prompt 1, {host}"
    with pytest.raises(UsageError) as refused:
        chat.open_engine("http://api.elsewhere.example/v1", "tiny", allow_remote=True)
    assert "https" in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://localhost/",
        "http://",
        "http://me:hush@localhost/v1",
        "http://localhost:port/v1",
        "http://localhost/v1?key=hush",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        chat.open_engine(url, "tiny", allow_remote=True)
    assert refused.value.code == "ENDPOINT"
    assert "hush" not in f"{refused.value} {refused.value.do}"


def test_rewordings(stub: Stub) -> None:
    def reworded(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        text = body["messages"][1]["content"].rpartition("\n\n")[2]
        send(handler, 200, completion(f"<out>{text}</out>\n<out>Hear: {text}</out>\n<out>So {text}</out>"))

    texts = ["Bees hum.", "Cats sleep."]
    found = stub.engine(reworded).reword(texts, "en", 3)
    assert [[each.text for each in several] for several in found] == [[f"Hear: {text}", f"So {text}"] for text in texts]
    assert stub.engine(says("No.")).reword(texts, "en", 3) == [(), ()]
    assert stub.engine(says("<out>Bees", "length")).reword(texts[:1], "en", 3) == [()]


def test_it_says_that_it_lacks_nothing(stub: Stub) -> None:
    engine = stub.engine(echo)
    assert engine.lacks("en", ["es", "sr-Latn"]) == ()
    assert engine.info().model_dump() == {
        "name": "chat", "model": "tiny", "version": "prompt 1, this machine", "licence": "not stated by the endpoint",
    }  # fmt: skip
