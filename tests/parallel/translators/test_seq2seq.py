"""Translation models of the real architectures under transformers: languages, order, ends, batches, licences."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.parallel.translators.conftest import INVENTED, Build, translation
from xlforget.errors import IntegrityError, UsageError
from xlforget.parallel.translators import seq2seq
from xlforget.parallel.translators.refused import RefusedTexts, leaving_out

NC = frozenset({"cc-by-nc-4.0"})
ARCHITECTURES = ("m2m100", "nllb", "madlad", "marian", "pair")


@pytest.fixture(scope="module")
def opened(tiny: Build) -> Callable[[str], seq2seq.Seq2seq]:
    made: dict[str, seq2seq.Seq2seq] = {}

    def engine(family: str) -> seq2seq.Seq2seq:
        if family not in made:
            made[family] = seq2seq.open_engine(str(tiny(family)), accepted=NC, device="cpu")
        return made[family]

    return engine


Opened = Callable[[str], seq2seq.Seq2seq]


@pytest.mark.parametrize(("family", "target"), [(f, "es") for f in ARCHITECTURES] + [(f, "ca") for f in ARCHITECTURES[:-1]])
def test_each_sentence_comes_back_in_its_place_in_the_language_asked_for(opened: Opened, family: str, target: str) -> None:
    texts = [*INVENTED, INVENTED[2], INVENTED[0]]
    found = opened(family).translate(texts, "en", target)
    assert [translated.text for translated in found] == [translation(text, target) for text in texts]
    assert all(translated.ended and not translated.unknown for translated in found)
    assert all(translated.score is not None and -0.5 < translated.score < 0 for translated in found)


@pytest.mark.parametrize("family", ["nllb-random", "madlad-random"])
def test_a_batch_gives_what_one_by_one_gives(opened: Opened, family: str) -> None:
    engine = opened(family)
    alone = [engine.translate([text], "en", "es")[0] for text in INVENTED]
    together = engine.translate(INVENTED, "en", "es")
    assert [replace(each, score=0.0) for each in together] == [replace(each, score=0.0) for each in alone]
    assert [each.score for each in together] == pytest.approx([each.score for each in alone], abs=1e-4)


def test_small_batches_give_what_large_ones_give(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opened("m2m100")
    large = [each.text for each in engine.translate(INVENTED, "en", "es")]
    monkeypatch.setattr(engine, "batch_tokens", 1)
    assert [each.text for each in engine.translate(INVENTED, "en", "es")] == large


@pytest.mark.parametrize("family", ["nllb-random", "marian-random"])
def test_a_translation_that_was_cut_off_says_so(opened: Opened, family: str) -> None:
    """Marian's own settings force the end token there."""
    assert [each.ended for each in opened(family).translate(INVENTED[:2], "en", "es")] == [False, False]


@pytest.mark.parametrize("family", ["m2m100-random", "nllb-random"])
def test_the_target_language_is_the_forced_first_token(opened: Opened, family: str) -> None:
    engine = opened(family)
    expected = {"m2m100": ["__es__", "__ca__"], "nllb": ["spa_Latn", "cat_Latn"]}[family.partition("-")[0]]
    sources = [tuple(ids) for ids in engine._sentences.encode(INVENTED[:1], "en", "es")]
    first = [engine._sentences.tokens(engine._run(sources, target)[0].ids)[0] for target in ("es", "ca")]
    assert first == expected


@pytest.mark.parametrize(
    ("family", "source", "tokens"),
    [("m2m100", "fr", ["__fr__"]), ("nllb", "fr", ["fra_Latn"]), ("madlad", "en", ["▁", "<2ca>"]), ("marian", "en", [">>cat<<"])],
)
def test_the_source_begins_with_its_language_token(opened: Opened, family: str, source: str, tokens: list[str]) -> None:
    engine = opened(family)
    (ids,) = engine._sentences.encode(INVENTED[:1], source, "ca")
    assert engine._sentences.tokens(ids)[: len(tokens)] == tokens


@pytest.mark.parametrize(
    ("family", "lacking"),
    [
        ("m2m100", ["hi-Latn", "sr-Latn", "zh-TW", "mi"]),
        ("nllb", ["hi-Latn", "sr-Latn"]),
        ("madlad", ["sr-Latn", "zh", "zh-TW", "mi", "nso"]),
        ("marian", ["he", "hi-Latn", "zh", "zh-TW", "mi", "nso"]),
        ("pair", ["ca", "he", "hi-Latn", "sr-Latn", "zh", "zh-TW", "mi", "nso"]),
    ],
)
def test_languages_that_a_model_lacks_are_named(opened: Opened, family: str, lacking: list[str]) -> None:
    asked = ["es", "ca", "he", "hi-Latn", "sr-Latn", "zh", "zh-TW", "mi", "nso"]
    assert list(opened(family).lacks("en", asked)) == lacking
    with pytest.raises(UsageError) as refused:
        opened(family).translate(INVENTED[:1], "en", lacking[0])
    assert refused.value.code == "UNKNOWN_LANGUAGE"


@pytest.mark.parametrize(("family", "source"), [("m2m100", "mi"), ("madlad", "mi"), ("marian", "fr")])
def test_a_model_that_does_not_read_the_source_lacks_everything(opened: Opened, family: str, source: str) -> None:
    assert opened(family).lacks(source, ["es", "ca"]) == ("es", "ca")


@pytest.mark.parametrize(
    ("family", "control"),
    [
        ("madlad", "<2es>"), ("madlad", "<2xx>"), ("madlad", "<extra_id_0>"),
        ("nllb", "<mask>"), ("nllb", "eng_Latn"), ("nllb", "<s>"),
        ("m2m100", "__es__"), ("m2m100", "</s>"),
        ("marian", ">>fr<<"), ("marian", "<<"), ("pair", "<pad>"),
    ],
)  # fmt: skip
def test_control_tokens_are_refused_by_their_places(opened: Opened, family: str, control: str) -> None:
    with pytest.raises(RefusedTexts) as refused:
        opened(family).translate([INVENTED[0], f"Zorvana {control} lives.", f"{control} x"], "en", "es")
    assert refused.value.positions == (1, 2)
    assert refused.value.code == "CONTROL_TOKEN"
    assert "Zorvana" not in f"{refused.value} {refused.value.do} {refused.value!r}"


def test_long_texts_are_refused_and_never_cut(opened: Opened) -> None:
    long = "Zorvana keeps bees. " * 40
    for family, most in (("m2m100", 256), ("pair", 128)):
        with pytest.raises(RefusedTexts) as refused:
            opened(family).translate([INVENTED[0], long], "en", "es")
        assert (refused.value.positions, refused.value.code) == ((1,), "TOO_LONG")
        assert str(most) in str(refused.value)
        assert "Zorvana" not in str(refused.value)


def test_what_is_refused_can_be_left_out(opened: Opened) -> None:
    texts = ["</s>", INVENTED[0], "Zorvana keeps bees. " * 40, INVENTED[1], "<pad> x"]
    found = leaving_out(opened("m2m100"), texts, "en", "es")
    assert [each.text for each in found] == ["", translation(INVENTED[0], "es"), "", translation(INVENTED[1], "es"), ""]
    assert [each.ended for each in found] == [False, True, False, True, False]
    assert [each.text for each in leaving_out(opened("m2m100"), ["</s>"], "en", "es")] == [""]


def test_a_tokenizer_that_takes_language_tokens_apart_is_refused(tiny: Build, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny("madlad"), tmp_path / "model"))
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"] = [[piece, -1e4 if piece == "<2es>" else score] for piece, score in content["model"]["vocab"]]
    content["model"]["vocab"] += [[letter, -1.0] for letter in "<2>"]
    (folder / "tokenizer.json").write_text(json.dumps(content))
    engine = seq2seq.open_engine(str(folder))
    with pytest.raises(UsageError) as refused:
        engine.translate(INVENTED[:1], "en", "es")
    assert refused.value.code == "NO_TRANSLATOR"
    assert engine.translate(INVENTED[:1], "en", "ca")[0].ended


def test_language_tokens_are_no_text_where_the_tokenizer_takes_them_for_words(tiny: Build, tmp_path: Path) -> None:
    """As M2M100's does when it was made from its vocabulary alone."""
    folder = Path(shutil.copytree(tiny("m2m100"), tmp_path / "model"))
    (folder / "added_tokens.json").unlink()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    kept = {key: value for key, value in config.items() if key not in ("extra_special_tokens", "added_tokens_decoder")}
    (folder / "tokenizer_config.json").write_text(json.dumps(kept))
    engine = seq2seq.open_engine(str(folder))
    assert engine.translate(INVENTED[:1], "en", "es")[0].text == translation(INVENTED[0], "es")


def test_words_that_the_model_does_not_know_are_said(opened: Opened) -> None:
    known, unknown = opened("m2m100").translate([INVENTED[0], "Þorgrímr lives."], "en", "es")
    assert (known.unknown, unknown.unknown) == (False, True)


def test_a_non_commercial_licence_is_accepted_by_name_or_refused(tiny: Build, opened: Opened) -> None:
    for accepted in (frozenset[str](), frozenset({"mit"})):
        with pytest.raises(UsageError) as refused:
            seq2seq.open_engine(str(tiny("nllb")), accepted=accepted)
        assert refused.value.code == "LICENCE"
        assert "CC-BY-NC-4.0" in str(refused.value)
    assert opened("nllb").info().licence == "CC-BY-NC-4.0"


def test_the_model_card_states_the_licence(tiny: Build, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny("pair"), tmp_path / "model"))
    assert seq2seq.open_engine(str(folder)).info().licence == "not stated"
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n# A model\n")
    assert seq2seq.open_engine(str(folder)).info().licence == "cc-by-4.0"
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-sa-4.0\n---\n")
    with pytest.raises(UsageError) as refused:
        seq2seq.open_engine(str(folder))
    assert refused.value.code == "LICENCE"


def test_a_model_made_from_nllb_does_not_come_free_by_its_card(tiny: Build, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny("nllb"), tmp_path / "model"))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    with pytest.raises(UsageError) as refused:
        seq2seq.open_engine(str(folder))
    assert refused.value.code == "LICENCE"


def test_what_it_says_of_itself(tiny: Build, tmp_path: Path, opened: Opened) -> None:
    info = opened("m2m100").info()
    assert (info.name, info.model, info.licence) == ("seq2seq", "tiny-m2m100", "MIT")
    assert info.version.startswith("sha256:")
    other = Path(shutil.copytree(tiny("m2m100"), tmp_path / "tiny-m2m100"))
    assert seq2seq.open_engine(str(other)).info() == info
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "init_std": 0.03}))
    assert seq2seq.open_engine(str(other)).info().version != info.version


def test_pickles_are_refused(tiny: Build, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny("pair"), tmp_path / "model"))
    (folder / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
    with pytest.raises(IntegrityError):
        seq2seq.open_engine(str(folder))


def test_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []

    def look_up(*args: object, **kwargs: object) -> None:
        looked_up.append(args)
        raise OSError

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.getaddrinfo", look_up)
    with pytest.raises(UsageError) as refused:
        seq2seq.open_engine("invented/no-such-model")
    assert refused.value.code == "NO_TRANSLATOR"
    assert "hf download" in refused.value.do
    assert looked_up == []


def test_a_model_in_the_hub_cache(tiny: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by its repository, with the commit as its revision; files in the cache are links to blobs."""
    repository, commit = tmp_path / "models--invented--tiny", "a" * 40
    (repository / "blobs").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for number, path in enumerate(tiny("pair").iterdir()):
        shutil.copy(path, repository / "blobs" / str(number))
        (snapshot / path.name).symlink_to(f"../../blobs/{number}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    engine = seq2seq.open_engine("invented/tiny")
    assert (engine.info().model, engine.info().version) == ("invented/tiny", commit)
    assert engine.translate(INVENTED[:1], "en", "es")[0].text == translation(INVENTED[0], "es")


def test_a_model_of_another_family_is_refused(tiny: Build, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny("pair"), tmp_path / "model"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "MBart50Tokenizer"}))
    with pytest.raises(UsageError) as refused:
        seq2seq.open_engine(str(folder))
    assert "MADLAD-400, M2M100, NLLB-200, Marian" in refused.value.do
