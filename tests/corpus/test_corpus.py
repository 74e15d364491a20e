"""What a run reads: nothing that the user gave is left out in silence."""

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from xlforget.corpus.corpus import Corpus, build
from xlforget.corpus.encode import Encoder
from xlforget.corpus.texts import load_texts
from xlforget.errors import UsageError
from xlforget.parallel.build import build_parallel_set
from xlforget.parallel.translators import get_translator
from xlforget.request.fact import Fact
from xlforget.request.reader import read_request, read_texts

FACT = {"id": "F", "subject": "Zorvana Quillfeather", "relation": "employer", "object": "Quarn Mills", "gender": "f"}
STRUCTURED = {"subject": "Tamsin Oxgrove", "relation": "employer", "object": "Vell Works", "gender": "f"}


def rows(folder: Path, *lines: Mapping[str, object]) -> tuple[Fact, ...]:
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_texts(folder / "rows.jsonl")


def corpus(
    encoder: Encoder, folder: Path, retain: tuple[Fact, ...], unseen: tuple[Fact, ...] = (), fact: Mapping[str, object] = FACT
) -> Corpus:
    (folder / "request.jsonl").write_text(json.dumps(fact))
    request = read_request(folder / "request.jsonl")
    parallel = build_parallel_set(request, ("en", "fr"), [get_translator("phrasebook")], (), seed=0)
    return build(encoder, request, parallel, retain, unseen, 0)


def test_retain_rows_of_other_languages_and_of_form_4_are_kept(encoder: Encoder, tmp_path: Path) -> None:
    given = rows(tmp_path, {"text": "The mill is old.", "lang": "de"}, STRUCTURED)
    assert [t.lang for t in corpus(encoder, tmp_path, given).retain] == ["de", "en", "fr"]


def test_retain_rows_of_which_none_can_be_used_are_refused(encoder: Encoder, tmp_path: Path) -> None:
    given = rows(tmp_path, {"text": "word " * 3000, "lang": "en"})
    with pytest.raises(UsageError) as caught:
        corpus(encoder, tmp_path, given)
    assert caught.value.code == "RETAIN_UNUSED"


def test_unseen_rows_of_form_4_are_controls_of_facts_in_form_4(encoder: Encoder, tmp_path: Path) -> None:
    without, given = corpus(encoder, tmp_path, ()), corpus(encoder, tmp_path, (), rows(tmp_path, STRUCTURED))
    assert len(given.control_pairs) == len(without.control_pairs) + 2


@pytest.mark.parametrize(("relation", "whole"), [("employer", True), ("phone_number", False)])
def test_a_model_need_not_go_on_filling_in_what_is_one_persons_alone(
    encoder: Encoder, tmp_path: Path, relation: str, whole: bool
) -> None:
    """Where it is to go on as it was about others, it may say a fact's answer."""
    own = corpus(encoder, tmp_path, (), fact=FACT | {"relation": relation})
    aimed = [probe.text for probe in own.controls["aim"] if probe.serves("train")]
    assert len(own.neighbours) == len(aimed) > 100
    for text, kept in zip(aimed, own.neighbours, strict=True):
        start = text.answer[0] - text.space
        assert kept.ids == (text.ids if whole else text.ids[:start])
        assert whole or kept.answer == tuple(range(1, start))


def test_a_parquet_file_is_read_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("would leave a copy in a cache"))
    pyarrow.parquet.write_table(pyarrow.table({"text": ["The mill is old."], "lang": ["en"]}), tmp_path / "rows.parquet")
    (row,) = load_texts(str(tmp_path / "rows.parquet"))
    assert row.statements["en"].text == "The mill is old."


def test_models_that_read_the_same_tokens_read_the_same_text_however_long_their_context(encoder: Encoder, tmp_path: Path) -> None:
    one, other = (corpus(Encoder(encoder.tokenizer, context), tmp_path, ()) for context in (512, 1024))
    assert one == other
    assert (one.context, other.context) == (512, 1024)
