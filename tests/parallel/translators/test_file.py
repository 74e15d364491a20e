"""The user's own translations: by id, by text, from JSON Lines and TMX; and no file that could do harm."""

import json
from pathlib import Path

import pytest

from xlforget.errors import RequestError, UsageError
from xlforget.parallel.translators.base import Draft, Missing
from xlforget.parallel.translators.file import File
from xlforget.parallel.translators.tmx import units
from xlforget.request.fact import ErasureRequest, Fact, Statement

TEXT = "Zorvana Quillfeather lives in Tarnwick."
FACT = Fact(id="a", line=1, form=1, statements={"en": Statement(text=TEXT, span=(30, 38))})
FRENCH = "Zorvana Quillfeather habite à Tarnwick."


def tmx(*rows: tuple[str, ...], head: str = '<!DOCTYPE tmx SYSTEM "tmx14.dtd">') -> str:
    body = "".join(f"<tu>{''.join(row)}</tu>" for row in rows)
    return f'<?xml version="1.0"?>{head}<tmx version="1.4"><header/><body>{body}</body></tmx>'


def tuv(lang: str, text: str) -> str:
    return f'<tuv xml:lang="{lang}"><seg>{text}</seg></tuv>'


def word(folder: Path, name: str, content: str, lang: str = "fr", fact: Fact = FACT) -> Draft | Missing:
    (folder / name).write_text(content, "utf-8")
    (made,) = File([str(folder / name)], ErasureRequest(facts=(fact,))).word([fact], lang, ("en", lang))
    return made


def test_a_row_by_id_says_where_the_answer_is(tmp_path: Path) -> None:
    row = {"id": "a", "texts": {"fr": FRENCH}, "answers": {"fr": "Tarnwick"}}
    made = word(tmp_path, "own.jsonl", json.dumps(row))
    assert isinstance(made, Draft)
    assert (made.wordings[0].text, made.wordings[0].answer, made.status) == (FRENCH, "Tarnwick", "ok")


def test_a_row_by_text_needs_no_id(tmp_path: Path) -> None:
    row = {"prompts": {"en": TEXT.replace("Tarnwick", "<mask>"), "fr": FRENCH.replace("Tarnwick", "<mask>")}}
    made = word(tmp_path, "own.jsonl", json.dumps(row | {"answers": {"en": "Tarnwick", "fr": "Tarnwick"}}))
    assert isinstance(made, Draft)
    assert made.wordings[0].text == FRENCH


def test_a_row_of_another_text_under_the_same_id_is_for_a_person(tmp_path: Path) -> None:
    row = {"id": "a", "texts": {"en": "Tamsin naps.", "fr": "Tamsin dort."}}
    made = word(tmp_path, "own.jsonl", json.dumps(row))
    assert isinstance(made, Missing)
    assert made.review


def test_a_memory_gives_the_text_and_the_answer_is_looked_for(tmp_path: Path) -> None:
    made = word(tmp_path, "m.tmx", tmx((tuv("en-GB", "Other."), tuv("fr", "Autre.")), (tuv("en", TEXT), tuv("fr", FRENCH))))
    assert isinstance(made, Draft)
    assert (made.wordings[0].text, made.wordings[0].answer, made.status) == (FRENCH, "Tarnwick", "ok")
    assert made.votes == {"verbatim": "Tarnwick", "sound": "Tarnwick"}


def test_a_memory_that_knows_the_answer_alone_places_it_across_scripts(tmp_path: Path) -> None:
    hindi = "ज़ोरवाना क्विलफ़ेदर टार्नविक में रहती है।"
    rows = (tuv("en", TEXT), tuv("hi", hindi)), (tuv("en", "Tarnwick"), tuv("hi", "टार्नविक"))
    made = word(tmp_path, "m.tmx", tmx(*rows), "hi")
    assert isinstance(made, Draft)
    assert (made.wordings[0].answer, set(made.votes)) == ("टार्नविक", {"alone", "sound"})
    alone = word(tmp_path, "m.tmx", tmx(rows[0]), "hi")
    assert isinstance(alone, Draft)
    assert (alone.status, alone.wordings, alone.unplaced) == ("review", (), hindi)


def test_a_wrong_translation_in_a_memory_is_found(tmp_path: Path) -> None:
    made = word(tmp_path, "m.tmx", tmx((tuv("en", TEXT), tuv("fr", TEXT))))
    assert isinstance(made, Draft)
    assert made.status == "fail"


def test_what_a_file_does_not_hold_is_missing(tmp_path: Path) -> None:
    made = word(tmp_path, "m.tmx", tmx((tuv("en", TEXT), tuv("fr", FRENCH))), "de")
    assert made == Missing("not in the given translations")


def test_codes_of_layout_are_no_text_and_old_language_attributes_are_read(tmp_path: Path) -> None:
    (tmp_path / "m.tmx").write_text(
        tmx(('<tuv lang="EN"><seg>One <bpt i="1">&lt;b&gt;</bpt>two<ept i="1">&lt;/b&gt;</ept> <hi>three</hi></seg></tuv>',))
    )
    assert list(units(tmp_path / "m.tmx")) == [{"en": "One two three"}]


LAUGHS = '<!DOCTYPE tmx [<!ENTITY a "Zorvana"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
READS = '<!DOCTYPE tmx [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tmx((tuv("en", "&c;"),), head=LAUGHS), "entities"),
        (tmx((tuv("en", "&a;"),), head=READS), "entities"),
        ('<tmx><body><tu>Zorvana', "line 1"),
        ("Zorvana", "line 1"),
        ('<?xml version="1.0" encoding="Zorvana"?><tmx/>', "encoding"),
        ('<?xml version="1.0" encoding="shift_jis"?><tmx>Zorvana</tmx>', "encoding"),
        (tmx((tuv("en", "<hi>" * 5000 + "Zorvana" + "</hi>" * 5000),)), "nested"),
    ],
)  # fmt: skip
def test_a_harmful_or_broken_memory_is_refused_without_quoting_it(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "m.tmx").write_text(content)
    with pytest.raises(UsageError, match=said) as refused:
        list(units(tmp_path / "m.tmx"))
    assert (refused.value.code, refused.value.exit_code) == ("TMX", 2)
    assert refused.value.__suppress_context__
    assert "Zorvana" not in f"{refused.value.what}{refused.value.do}"


def test_files_that_are_not_there_or_wrong_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        File([str(tmp_path / "no.tmx")], ErasureRequest(facts=(FACT,)))
    (tmp_path / "bad.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(RequestError) as refused:
        File([str(tmp_path / "bad.jsonl")], ErasureRequest(facts=(FACT,)))
    assert refused.value.problems[0].line == 1


def test_only_what_belongs_to_the_request_is_kept(tmp_path: Path) -> None:
    """A memory of a large company must not fill the machine's."""
    rows = [(tuv("en", f"Sentence {n}."), tuv("fr", f"Phrase {n}.")) for n in range(2000)]
    (tmp_path / "m.tmx").write_text(tmx(*rows, (tuv("en", TEXT), tuv("fr", FRENCH))), "utf-8")
    kept = File([str(tmp_path / "m.tmx")], ErasureRequest(facts=(FACT,)))
    assert len(kept._by_text) == 1
