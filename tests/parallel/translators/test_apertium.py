"""The real Apertium: modes, pivots, marks, blank lines, and nothing of a text anywhere but on standard input."""

import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

from xlforget.errors import MachineError
from xlforget.parallel.translators.apertium import Apertium, languages_of, route
from xlforget.parallel.translators.engine import EngineOptions

MODES = (
    ("en", "es", "eng-spa"), ("en", "ca", "eng-cat"), ("ca", "fr", "cat-fra"), ("es", "fr", "spa-fra"),
    ("ca", "pt", "cat-por"), ("ca", "pt-BR", "cat-por_BR"), ("en", "gl", "en-gl"),
)  # fmt: skip


@pytest.fixture
def apertium(needs_apertium: None) -> Apertium:
    return Apertium(EngineOptions())


def test_modes_are_read_as_tags_and_three_languages_in_one_are_none() -> None:
    assert languages_of("eng-spa") == ("en", "es")
    assert languages_of("cat-por_BR") == ("ca", "pt-BR")
    assert languages_of("en-gl") == ("en", "gl")
    for mode in ("eng-hbs_SR", "fra-cat_pre2017", "eng", "a-b-c"):
        assert languages_of(mode) is None


def test_a_way_over_catalan_is_taken_first_and_a_script_is_never_exchanged() -> None:
    assert route(MODES, "en", "es") == ("eng-spa",)
    assert route(MODES, "en", "fr") == ("eng-cat", "cat-fra")
    assert route(MODES, "en", "pt-BR") == ("eng-cat", "cat-por_BR")
    assert route(MODES, "en-GB", "es-MX") == ("eng-spa",)
    for target in ("hi", "es-Cyrl", "ja"):
        assert route(MODES, "en", target) == ()


def test_sentences_come_back_in_order_one_for_each(apertium: Apertium) -> None:
    texts = ["Berlin", "Svalbard is an archipelago", "The capital of Turkey is Ankara.", "", "two\nlines  of it", "Berlin"]
    said = [one.text for one in apertium.translate(texts, "en", "ca")]
    assert said[0] == said[5] == "Berlín"
    assert said[1] == "Svalbard és un arxipèlag"
    assert "Turquia" in said[2]
    assert said[3] == ""
    assert "\n" not in said[4]


def test_no_mark_of_an_unknown_word_is_left_after_one_hop_or_two(apertium: Apertium) -> None:
    for target in ("es", "pt"):
        (said,) = apertium.translate(["Zorvana Quillfeather lives in Tarnwick."], "en", target)
        assert not set("*@#") & set(said.text)
        assert "Zorvana Quillfeather" in said.text


def test_an_unknown_word_is_told_from_an_unknown_name(apertium: Apertium) -> None:
    name, word = apertium.translate(["Zorvana lives in London.", "The man blorps in London."], "en", "ca")
    assert (name.unknown, word.unknown) == (False, True)


def test_marks_around_the_answer_come_back_and_signs_of_html_stay(apertium: Apertium) -> None:
    (said,) = apertium.translate(["Tom & Ann <3 live in <a>London</a>."], "en", "ca", marked=True)
    assert "<a>Londres</a>" in said.text
    assert "&" in said.text
    assert "&amp;" not in said.text


def test_numbers_addresses_and_signs_stay_as_they_are(apertium: Apertium) -> None:
    texts = ["The number is +44 7700 900123.", "Write to z.quill@tarn.example now.", r"A [b] {c} ^d$ e/f \ g"]
    said = [one.text for one in apertium.translate(texts, "en", "es")]
    assert "+44 7700 900123" in said[0]
    assert "z.quill@tarn.example" in said[1]
    assert all(sign in said[2] for sign in r"[]{}^$/\ ".strip())


def test_the_same_call_gives_the_same_sentences(apertium: Apertium) -> None:
    texts = [f"The house number {n} is in the city of London." for n in range(40)]
    assert apertium.translate(texts, "en", "fr") == apertium.translate(texts, "en", "fr")


def test_licence_versions_and_lacking_languages_are_stated(apertium: Apertium) -> None:
    info = apertium.info()
    assert "GPL" in info.licence
    assert info.version[0].isdigit()
    assert apertium.lacks("en", ["es", "hi", "ca", "ja", "fr"]) == ("hi", "ja")


def test_texts_go_by_standard_input_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in its place writes down what it was called with."""
    program = tmp_path / "apertium"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = -l ] && echo eng-spa && exit\necho "$@" >> {tmp_path}/seen; env >> {tmp_path}/seen; cat\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (said,) = Apertium(EngineOptions()).translate(["Zorvana lives in Tarnwick."], "en", "es")
    assert said.text == "Zorvana lives in Tarnwick."
    assert "Zorvana" not in (tmp_path / "seen").read_text()
    assert "-u" in (tmp_path / "seen").read_text()


@pytest.mark.parametrize(
    ("script", "said"), [("exit 3", "code 3"), ("echo", "number of sentences"), ("sleep 60 & wait", "answer")]
)
def test_a_program_that_fails_is_an_error_of_the_machine_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    from xlforget.parallel.translators import apertium as room

    program = tmp_path / "apertium"
    program.write_text(f'#!/bin/sh\n[ "$1" = -l ] && echo eng-spa && exit\necho $$ > {tmp_path}/pid\n{script}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(room, "SECONDS", 0.5)
    with pytest.raises(MachineError, match=said) as failed:
        Apertium(EngineOptions()).translate(["Zorvana lives.", "In Tarnwick."], "en", "es")
    assert "Zorvana" not in f"{failed.value.what}{failed.value.do}"
    assert not alive(int((tmp_path / "pid").read_text()))


def alive(group: int) -> bool:
    """Whether a process of the group is still there after a second, and more than a name in a table."""
    for _ in range(20):
        time.sleep(0.05)
        listed = subprocess.run(["ps", "-e", "-o", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
        states = [state for own, state in (line.split() for line in listed.splitlines()) if int(own) == group]
        if all(state.startswith("Z") for state in states):
            return False
    return True


def test_without_apertium_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MachineError) as missing:
        Apertium(EngineOptions())
    assert (missing.value.exit_code, missing.value.code) == (4, "BACKEND_MISSING")
    assert "apt-get install" in missing.value.do
