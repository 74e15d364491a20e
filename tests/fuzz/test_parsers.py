"""Any bytes at all, and good documents with something changed: our own errors and nothing else. ``run.py`` does a million."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import Target, feed, likely_bundle, sigstore_bundle, targets
from xlforget.errors import IntegrityError

TARGETS = targets()
quick = settings(max_examples=150, deadline=1000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
Draw = Callable[..., Any]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8),
    st.sampled_from(["", "../x", "a" * 300, "0" * 64, -1, 2**70, "\x00", "x\ny"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_are_good(name: str) -> None:
    unsigned = ("sealed_bundle", "sigstore_bundle")
    assert all(feed(TARGETS[name], seed) for seed in TARGETS[name].seeds) or name in unsigned


@pytest.mark.parametrize("name", TARGETS)
@quick
@given(content=st.binary(max_size=400))
def test_any_bytes(name: str, content: bytes) -> None:
    feed(TARGETS[name], content)


@pytest.mark.parametrize("name", TARGETS)
@quick
@given(data=st.data())
def test_bytes_changed_cut_or_doubled(name: str, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(TARGETS[name].seeds)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        until = min(len(content), at + data.draw(st.integers(0, 20)))
        content[at:until] = data.draw(st.binary(max_size=6) | st.just(bytes(content[at:until]) * 2))
    feed(TARGETS[name], bytes(content))


def test_a_certificate_that_no_library_reads_is_no_signature_of_sigstores() -> None:
    """Its verifier raises what its parser raises, for a name that is no text."""
    with pytest.raises(IntegrityError) as caught:
        sigstore_bundle(likely_bundle(lambda der: der.replace(b"signer", b"sign\xff\xff")))
    assert (caught.value.code, caught.value.files) == ("BAD_SIGNATURE", ("audit.dsse.json",))


def documents(target: Target) -> list[list[Any]]:
    """The seeds that are JSON, line by line."""
    found = []
    for seed in target.seeds:
        try:
            found.append([json.loads(line) for line in seed.split(b"\n") if line] if b'}\n{"' in seed else [json.loads(seed)])
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if documents(target)])
@quick
@given(data=st.data())
def test_documents_with_a_value_exchanged(name: str, data: st.DataObject) -> None:
    lines = json.loads(json.dumps(data.draw(st.sampled_from(documents(TARGETS[name])))))
    holder: Any = lines
    key: Any = data.draw(st.integers(0, len(lines) - 1))
    while isinstance(holder[key], dict | list) and holder[key] and data.draw(st.integers(0, 5)):
        holder = holder[key]
        key = data.draw(st.sampled_from(sorted(holder)) if isinstance(holder, dict) else st.integers(0, len(holder) - 1))
    holder[key] = data.draw(VALUES)
    text = "\n".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines)
    try:
        content = text.encode()
    except UnicodeEncodeError:
        content = "\n".join(map(json.dumps, lines)).encode()
    feed(TARGETS[name], content)


NASTY = {
    "nested lists": b"[" * 200_000,
    "nested lists, closed": b'{"a":' + b"[" * 990 + b"]" * 990 + b"}",
    "nested objects": b'{"a":' * 100_000,
    "a long number": b'{"a":' + b"9" * 100_000 + b"}",
    "many keys": b"{" + b",".join(b'"%d":0' % k for k in range(50_000)) + b"}",
    "one line": b'"' + b"a" * 3_000_000 + b'"',
    "many lines": b"{}\n" * 200_000,
    "nothing": b"",
    "zeros": bytes(100_000),
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "nested elements": b"<tu><tuv xml:lang='en'><seg>" + b"<hi>" * 20_000 + b"</hi>" * 20_000 + b"</seg></tuv></tu>",
    "an encoding of several bytes": b'<?xml version="1.0" encoding="shift_jis"?><tmx/>',
    "a header of 90 MB": (90_000_000).to_bytes(8, "little") + b"{",
}


@pytest.mark.parametrize("nasty", NASTY)
@pytest.mark.parametrize("name", TARGETS)
def test_large_and_deep_ones_within_a_second(name: str, nasty: str) -> None:
    begun = time.process_time()
    feed(TARGETS[name], NASTY[nasty])
    assert time.process_time() - begun < 1
