"""The model that is to forget as its own translator, on a tiny one that was trained to go on with a few prompts."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from tests.parallel.translators.conftest import INVENTED, translation
from xlforget.parallel.translators import own, prompts
from xlforget.parallel.translators.prompts import NOTHING
from xlforget.parallel.translators.refused import RefusedTexts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from xlforget.lm import Lm

TEMPLATE = "{{ bos_token }}{% for message in messages %}User: {{ message.content }}\n{% endfor %}Assistant: "
CONTEXT = 512
Trained = tuple[Any, Any]


def engine(model: Any, tokenizer: Any, context: int = CONTEXT) -> own.Own:
    return own.open_engine(model, tokenizer, context=context, name="tiny", revision="sha256:0", licence="MIT")


def asked_for(asked: str, answer: str, ids: Callable[..., Any]) -> list[int]:
    return [0, *(token for part in (asked, answer) for token in ids(part, add_special_tokens=False)["input_ids"])]


def train(tokenizer: Any, rows: Sequence[list[int]]) -> Any:
    """A model that knows the rows by heart."""
    import torch

    from xlforget.experiments.small_model import new_model

    model = new_model(tokenizer, layers=2, width=64, context=CONTEXT, seed=3)
    longest = max(map(len, rows))
    ids = torch.tensor([row + [1] * (longest - len(row)) for row in rows])
    attention = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3)
    model.train()
    for _ in range(150):
        loss = model(input_ids=ids, attention_mask=attention, labels=ids.masked_fill(attention == 0, -100)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def own_tokenizer() -> "PreTrainedTokenizerFast":
    from xlforget.experiments.small_model import train_tokenizer

    texts = [*INVENTED, prompts.SYSTEM, prompts.to_translate("", "en", "ca", marked=False), "English: Catalan: Basque:"]
    return train_tokenizer(texts * 4, 500)


@pytest.fixture(scope="module")
def few_shot(own_tokenizer: Any) -> Trained:
    """Catalan ends with a line break, Basque with the end token; the phrasebook has neither, so no pairs are shown."""
    rows = [
        asked_for(f"English: {text}\n{name}:", f" {translation(text, like)}{end}", own_tokenizer)
        for text in INVENTED
        for name, like, end in (("Catalan", "ca", "\nEnglish: and so on"), ("Basque", "es", "</s>"))
    ]
    return train(own_tokenizer, rows), own_tokenizer


def test_it_goes_on_to_the_line_break_or_the_end_token(few_shot: Trained) -> None:
    texts = [*INVENTED, INVENTED[1]]
    for target, like in (("ca", "ca"), ("eu", "es")):
        found = engine(*few_shot).translate(texts, "en", target)
        assert [each.text for each in found] == [translation(text, like) for text in texts]
        assert all(each.ended and each.score is not None and -1 < each.score < 0 for each in found)


def test_a_batch_gives_what_one_by_one_gives(few_shot: Trained) -> None:
    made = engine(*few_shot)
    alone = [made.translate([text], "en", "ca")[0] for text in INVENTED]
    together = made.translate(INVENTED, "en", "ca")
    assert [each.text for each in together] == [each.text for each in alone]
    assert [each.score for each in together] == pytest.approx([each.score for each in alone], abs=1e-4)


def test_the_model_is_left_as_it_was(few_shot: Trained) -> None:
    model, tokenizer = few_shot
    model.generation_config.repetition_penalty = 9.0  # as some models' settings have it; names come twice
    before = model.generation_config.to_dict()
    model.train()
    try:
        found = engine(model, tokenizer).translate(INVENTED[:1], "en", "ca")
        assert model.training
    finally:
        model.eval()
    assert model.generation_config.to_dict() == before
    model.generation_config.repetition_penalty = None
    assert found[0].text == translation(INVENTED[0], "ca")


def test_what_does_not_end_is_nothing(new_lm: "Callable[[int], Lm]", tokenizer: "PreTrainedTokenizerFast") -> None:
    model = new_lm(5).model
    model.generation_config.eos_token_id = None
    tokenizer_without_end = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, bos_token="<s>")
    made = engine(model, tokenizer_without_end)
    made._breaks_line = lambda token: False  # type: ignore[method-assign]
    assert made.translate(INVENTED[:2], "en", "ca") == [NOTHING, NOTHING]


def test_control_tokens_and_long_texts_are_refused_by_their_places(few_shot: Trained) -> None:
    with pytest.raises(RefusedTexts) as refused:
        engine(*few_shot).translate([INVENTED[0], "Zorvana </s> lives."], "en", "ca")
    assert (refused.value.positions, refused.value.code) == ((1,), "CONTROL_TOKEN")
    with pytest.raises(RefusedTexts) as refused:
        engine(*few_shot).translate(["Zorvana keeps bees. " * 60, INVENTED[0]], "en", "ca")
    assert (refused.value.positions, refused.value.code) == ((0,), "TOO_LONG")
    assert "Zorvana" not in str(refused.value)


def test_a_model_with_a_chat_template_is_asked_as_one(own_tokenizer: Any) -> None:
    from copy import deepcopy

    chatting = deepcopy(own_tokenizer)
    chatting.chat_template = TEMPLATE
    rows = []
    for text, answer in ((INVENTED[0], f"<out>{INVENTED[1]}</out>"), (INVENTED[1], f"Sure! {INVENTED[2]}")):
        asked = f"User: {prompts.SYSTEM}\n\n{prompts.to_translate(text, 'en', 'ca', marked=False)}\nAssistant: "
        rows.append(asked_for(asked, f"{answer}</s>", chatting))
    found = engine(train(chatting, rows), chatting).translate(INVENTED[:2], "en", "ca")
    assert [each.text for each in found] == [INVENTED[1], ""]
    assert [each.ended for each in found] == [True, False]


def test_pairs_are_shown_where_the_phrasebook_has_both_languages() -> None:
    pairs = own.shown("en", "es", marked=False)
    assert pairs.count("English: ") == pairs.count("Spanish: ") == 4
    assert pairs.endswith("\n\n")
    assert "<a>" not in pairs
    marked = own.shown("en", "hi", marked=True)
    assert marked.count("<a>") == marked.count("</a>") == 8
    assert own.shown("en", "pt-BR", marked=False).count("Portuguese (Brazil): ") == 4
    assert own.shown("en", "ca", marked=False) == own.shown("en", "zh-TW", marked=False) == ""


def test_the_prompt(few_shot: Trained) -> None:
    model, tokenizer = few_shot
    made = engine(model, tokenizer)
    ids = made._ask("Zorvana keeps bees.", 5, "en", "es", False).ids
    assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.eos_token_id not in ids
    assert tokenizer.decode(ids[1:]) == f"{own.shown('en', 'es', marked=False)}English: Zorvana keeps bees.\nSpanish:"


def test_what_it_says_of_itself(few_shot: Trained) -> None:
    made = engine(*few_shot)
    assert made.lacks("en", ["es", "ca"]) == ()
    assert made.info().model_dump() == {"name": "self", "model": "tiny", "version": "sha256:0", "licence": "MIT"}
