"""The same models under CTranslate2 write what they write under transformers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parallel.translators.conftest import INVENTED, Build, translation
from xlforget.errors import MachineError, UsageError
from xlforget.parallel.translators import ct2, seq2seq
from xlforget.parallel.translators.refused import RefusedTexts

ctranslate2 = pytest.importorskip("ctranslate2", reason="needs the extra ct2")
from ctranslate2.converters import TransformersConverter, transformers  # noqa: E402

NC = frozenset({"cc-by-nc-4.0"})


@pytest.fixture(scope="module")
def converted(tiny: Build, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def convert(family: str) -> Path:
        if family not in made:
            made[family] = _convert(tiny(family), tmp_path_factory.mktemp("ct2") / family)
        return made[family]

    return convert


Converted = Callable[[str], Path]


def _convert(model: Path, out: Path, quantization: str = "float32") -> Path:
    weights = {"config.json", "generation_config.json", "model.safetensors"}
    files = [path.name for path in model.iterdir() if path.name not in weights]
    TransformersConverter(str(model), copy_files=files).convert(str(out), quantization=quantization)
    return out


@pytest.fixture
def as_transformers_4(monkeypatch: pytest.MonkeyPatch) -> None:
    """The converter sees what a MADLAD-400 model says of itself; transformers 5 says that all T5 embeddings are tied."""
    original = transformers.T5Loader.get_model_spec

    def untied(self: object, model: object) -> object:
        model.config.tie_word_embeddings = False  # type: ignore[attr-defined]
        return original(self, model)

    monkeypatch.setattr(transformers.T5Loader, "get_model_spec", untied)


@pytest.mark.usefixtures("as_transformers_4")
@pytest.mark.parametrize("family", ["m2m100", "nllb", "madlad", "marian", "pair"])
def test_it_writes_what_transformers_writes(tiny: Build, converted: Converted, family: str) -> None:
    engine = ct2.open_engine(str(converted(family)), accepted=NC, device="cpu")
    reference = seq2seq.open_engine(str(tiny(family)), accepted=NC, device="cpu")
    texts = [*INVENTED, INVENTED[1]]
    found, expected = engine.translate(texts, "en", "es"), reference.translate(texts, "en", "es")
    assert [each.text for each in found] == [translation(text, "es") for text in texts]
    assert [each.text for each in found] == [each.text for each in expected]
    assert [each.score for each in found] == pytest.approx([each.score for each in expected], abs=1e-4)
    assert all(each.ended for each in found)
    languages = ["es", "ca", "sr-Latn", "zh-TW", "mi"]
    assert engine.lacks("en", languages) == reference.lacks("en", languages)
    assert engine.info().model_copy(update={"version": "", "name": "", "model": ""}) == reference.info().model_copy(
        update={"version": "", "name": "", "model": ""}
    )


@pytest.mark.parametrize("family", ["nllb", "m2m100", "marian"])
def test_another_target_is_another_translation(converted: Converted, family: str) -> None:
    engine = ct2.open_engine(str(converted(family)), accepted=NC)
    assert [each.text for each in engine.translate(INVENTED, "en", "ca")] == [translation(text, "ca") for text in INVENTED]


def test_eight_bits(tiny: Build, tmp_path: Path) -> None:
    engine = ct2.open_engine(str(_convert(tiny("nllb"), tmp_path / "int8", "int8")), accepted=NC, device="cpu")
    assert engine._translator.compute_type.startswith("int8")
    assert [each.text for each in engine.translate(INVENTED[:2], "en", "es")] == [translation(t, "es") for t in INVENTED[:2]]


def test_a_batch_gives_what_one_by_one_gives(converted: Converted) -> None:
    engine = ct2.open_engine(str(converted("nllb")), accepted=NC)
    alone = [engine.translate([text], "en", "es")[0].text for text in INVENTED]
    assert [each.text for each in engine.translate(INVENTED, "en", "es")] == alone


def test_a_translation_that_was_cut_off_says_so(converted: Converted) -> None:
    engine = ct2.open_engine(str(converted("nllb-random")), accepted=NC)
    assert [each.ended for each in engine.translate(INVENTED[:2], "en", "es")] == [False, False]


def test_a_loop_ends_where_the_model_has_no_more_positions(converted: Converted) -> None:
    engine = ct2.open_engine(str(converted("marian-random")))
    (found,) = engine.translate(["Zorvana keeps bees. " * 8], "en", "es")
    assert not found.ended


def test_refusals(tiny: Build, converted: Converted, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        ct2.open_engine(str(converted("nllb")))
    assert refused.value.code == "LICENCE"
    with pytest.raises(UsageError) as refused:
        ct2.open_engine(str(tiny("pair")))
    assert "ct2-transformers-converter" in refused.value.do
    broken = Path(shutil.copytree(converted("marian"), tmp_path / "broken"))
    (broken / "model.bin").write_bytes(b"nothing")
    with pytest.raises(UsageError) as refused:
        ct2.open_engine(str(broken))
    assert refused.value.code == "NO_TRANSLATOR"
    with pytest.raises(RefusedTexts) as control:
        ct2.open_engine(str(converted("marian"))).translate([INVENTED[0], ">>cat<< Zorvana"], "en", "es")
    assert control.value.positions == (1,)


def test_a_madlad_model_that_was_converted_with_tied_embeddings_is_refused(tiny: Build, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        ct2.open_engine(str(_convert(tiny("madlad"), tmp_path / "tied")))
    assert "transformers 4" in refused.value.do


def test_where_ctranslate2_is_missing(converted: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(converted("marian"))
    monkeypatch.setitem(__import__("sys").modules, "ctranslate2", None)
    with pytest.raises(MachineError) as refused:
        ct2.open_engine(folder)
    assert (refused.value.code, refused.value.do) == ("NO_BACKEND", "pip install 'xlforget[ct2]'")
