"""What ``--languages auto`` takes: what the request gives, and what the model itself speaks or its card says."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from xlforget import planning
from xlforget.artifact.provenance import stated_languages
from xlforget.asked import Apply
from xlforget.corpus.encode import Encoder
from xlforget.corpus.texts import neutral
from xlforget.errors import UsageError
from xlforget.lm import Lm
from xlforget.model_io import Opened
from xlforget.unlearn.methods import METHODS

SUBJECT = {"en": "Zorvana Quillfeather", "hi": "ज़ोरवाना क्विलफ़ेदर", "ar": "زورفانا كويلفيذر", "zh": "佐尔瓦纳"}
STRUCTURED = {"id": "a", "subject": SUBJECT, "relation": "phone_number", "object": "+44 7700 900123", "gender": "f"}
SENTENCE = {"id": "b", "lang": "zh", "text": "佐尔瓦纳卖掉了磨坊。"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """A model that learned English and French."""
    from xlforget.experiments.small_model import memorise, new_model, train_tokenizer

    texts = [row.statements[lang].text for lang in ("en", "fr", "hi", "zh") for row in neutral((lang,))]
    tokenizer = train_tokenizer(texts, 500)
    encoder = Encoder(tokenizer, 512)
    model = new_model(tokenizer, layers=1, width=64, context=512)
    memorise(model, [encoder.encode(text, None) for text in texts[:96]], epochs=24, lr=1e-2)
    return Opened(tmp_path_factory.mktemp("base"), "base", {}, Lm(model), encoder)


def asked(folder: Path, *rows: Mapping[str, object], **more: object) -> Apply:
    (folder / "request.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    values = {"requests": (str(folder / "request.jsonl"),), "model": "m", "out": folder / "out", "key": folder / "k"}
    return Apply(**values | more)  # type: ignore[arg-type]


def planned(base: Opened, run: Apply) -> planning.Plan:
    return planning.plan(run, planning.read_inputs(run), base)


def test_languages_that_the_model_does_not_speak_are_left_out_and_said(base: Opened, tmp_path: Path) -> None:
    plan = planned(base, asked(tmp_path, STRUCTURED))
    assert {"en", "fr"} <= set(plan.parallel.languages)
    assert {"hi", "zh", "ar"} <= set(plan.not_taken)
    assert not set(plan.parallel.languages) & set(plan.not_taken)
    assert "bits per character" in plan.not_taken["hi"]


def test_the_requests_own_languages_and_those_of_the_card_are_always_taken(base: Opened, tmp_path: Path) -> None:
    (base.folder / "README.md").write_text("---\nlicense: mit\nlanguage:\n- en\n- hi\n---\n# A model\n")
    try:
        plan = planned(base, asked(tmp_path, STRUCTURED, SENTENCE, skip_unreviewed=True))
    finally:
        (base.folder / "README.md").unlink()
    assert {"zh", "hi"} <= set(plan.parallel.languages)


def test_languages_that_were_asked_for_are_not_second_guessed(base: Opened, tmp_path: Path) -> None:
    plan = planned(base, asked(tmp_path, STRUCTURED, languages=("hi", "ar")))
    assert (plan.parallel.languages, plan.not_taken) == (("hi", "ar"), {})


def test_rows_to_keep_that_say_what_is_to_be_forgotten_are_counted_and_said(base: Opened, tmp_path: Path) -> None:
    rows = ["The kettle sings.", f"Pellam Thistlewick answers {STRUCTURED['object']}.", "Nobody shut the gate."]
    (tmp_path / "keep.jsonl").write_text("".join(json.dumps({"lang": "en", "text": text}) + "\n" for text in rows))
    more = {"languages": ("en",), "retain": str(tmp_path / "keep.jsonl")}
    assert planned(base, asked(tmp_path, STRUCTURED, **more)).warnings == (planning.KEPT.format(1),)
    assert planned(base, asked(tmp_path, STRUCTURED | {"object": "+44 7700 900456"}, **more)).warnings == ()


def test_with_a_machine_auto_takes_what_it_reaches_and_says_what_not(base: Opened, tmp_path: Path, needs_apertium: None) -> None:
    (base.folder / "README.md").write_text("---\nlanguage: [en, es, hi]\n---\n")
    sentence = {"id": "b", "lang": "en", "text": "The old doctor sold the house to his brother."}
    try:
        plan = planned(base, asked(tmp_path, sentence, translator="apertium", skip_unreviewed=True))
    finally:
        (base.folder / "README.md").unlink()
    assert {"en", "es"} <= set(plan.parallel.languages)
    assert plan.not_taken["hi"] == "the translator does not have it"


def test_a_set_and_options_that_make_one_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="says itself"):
        planning.read_inputs(asked(tmp_path, STRUCTURED, parallel=tmp_path / "p.jsonl", languages=("en",)))


@pytest.mark.parametrize(
    ("card", "languages"),
    [
        ("---\nlanguage: fr\n---\n", ("fr",)),
        ("---\nlanguage: [en, pt-BR]\ntags: [xx]\n---\n", ("en", "pt-BR")),
        ("---\nlanguage:\n- en\n- zh\ntags:\n- de\n---\n", ("en", "zh")),
        ("---\nlicense: mit\n---\nlanguage: de\n", ()),
        ("no card", ()),
    ],
)
def test_languages_of_a_card(tmp_path: Path, card: str, languages: tuple[str, ...]) -> None:
    (tmp_path / "README.md").write_text(card)
    assert stated_languages(tmp_path) == languages


@pytest.mark.parametrize("name", [name for name, one in METHODS.items() if not one.has_kappa])
def test_another_teacher_is_refused_for_a_method_that_would_not_ask_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        planning.find_teacher(asked(tmp_path, STRUCTURED, method=METHODS[name], teacher="nowhere"))
    assert caught.value.code == "TEACHER_UNUSED"
