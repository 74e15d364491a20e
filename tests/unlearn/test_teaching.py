"""Which model teaches: another's logits where it has the same tokens, else its confidence; and what a run that goes on reads."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertForMaskedLM, BertModel, PreTrainedTokenizerFast

from tests.unlearn.test_confidence import word_pieces
from xlforget import teacher_io
from xlforget.corpus.encode import Encoded, Encoder
from xlforget.corpus.probes import Probe
from xlforget.errors import IntegrityError, UsageError
from xlforget.experiments.small_model import new_model, train_tokenizer
from xlforget.lm import Lm
from xlforget.unlearn.engine import Engine
from xlforget.unlearn.methods import Method
from xlforget.unlearn.step import TEACHERS_OWN, Asked, backward
from xlforget.unlearn.task import Task
from xlforget.unlearn.teacher import LIVE, Cached, Live
from xlforget.unlearn.teaching import CONFIDENCE, Another, Source, same_tokens, settled, teacher

NewLm = Callable[[int], Lm]
FILES = {"model.safetensors": "a" * 64, "tokenizer.json": "b" * 64}


def saved(where: Path, model: Any, tokenizer: PreTrainedTokenizerFast) -> Path:
    model.save_pretrained(where)
    tokenizer.save_pretrained(where)
    return where


def masked_model(tokenizer: PreTrainedTokenizerFast, kind: type = BertForMaskedLM) -> Any:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, pad_token_id=0, initializer_range=0.5,
    )  # fmt: skip
    return kind(config)


@pytest.fixture
def wider(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> Another:
    """The student's tokenizer, and a hidden width of its own."""
    model = new_model(tokenizer, layers=1, width=96, seed=5)
    with torch.no_grad():
        model.lm_head.weight.mul_(4.0)
    return teacher_io.find(str(saved(tmp_path / "wider", model, tokenizer)), "cpu")


@pytest.fixture
def filler(tmp_path: Path, sentences: Sequence[str]) -> Another:
    own = word_pieces(sentences)
    return teacher_io.find(str(saved(tmp_path / "filler", masked_model(own), own)), "cpu")


@pytest.fixture(scope="module")
def texts(encoder: Encoder, sentences: Sequence[str]) -> list[Encoded]:
    return [encoder.encode(text, None) for text in sentences]


@pytest.fixture
def task(encoder: Encoder, texts: list[Encoded]) -> Task:
    text = "Zorvana lives in Brindlemoor and keeps bees."
    pair = Probe("f0", "en", 0, "all", encoder.encode(text, (17, 28)))
    return Task([pair], [np.full(len(pair.text.answer), -6.0, np.float32)], [pair], [], [], {}, texts[:5], texts[5:], seed=1)


class Heard:
    """What a run told its user."""

    def __init__(self, tokenizer: Any, another: Another | None, files: Mapping[str, str] = FILES) -> None:
        self.lines: list[str] = []
        self.source = Source(files, tokenizer, another, self.lines.append, lambda done, total: None)


def test_a_teacher_with_the_same_tokens_is_imitated_whatever_its_width(
    new_lm: NewLm, tokenizer: PreTrainedTokenizerFast, wider: Another, task: Task, tmp_path: Path
) -> None:
    lm, plain = new_lm(3), new_lm(3)
    another = settled(wider, lm, tokenizer, task.texts, sure_of=False)
    assert (another.use, another.masked) == ("logits", False)
    own = teacher(lm, task, tmp_path, Heard(tokenizer, another).source)
    assert isinstance(own, Cached)
    assert own.hidden([0], [(1, 2)]).shape == (2, 96)

    asked = [Asked("retain", 1, (2, 3, 4), 0.5, TEACHERS_OWN)]
    found = backward(lm, own, task.texts, asked)
    ids = torch.tensor([task.texts[1].ids])
    p = torch.log_softmax(another.load().model(input_ids=ids).logits[0, 1:4], -1).detach()
    q = torch.log_softmax(plain.model(input_ids=ids).logits[0, 1:4], -1)
    target = ids[0, 2:5, None]
    kappa = p.gather(1, target)[:, 0].exp()
    loss = kappa * (p.exp() * (p - q)).sum(-1) - (1 - kappa) * q.gather(1, target)[:, 0]
    (0.5 * loss).sum().backward()
    assert found.tolist() == pytest.approx([float(loss.detach().mean())], rel=1e-5)
    for (name, got), want in zip(lm.model.named_parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(got.grad, want.grad, atol=2e-5, rtol=1e-4, msg=name)


def test_a_run_under_another_teacher_comes_near_it(
    new_lm: NewLm, tokenizer: PreTrainedTokenizerFast, wider: Another, task: Task, tmp_path: Path
) -> None:
    lm = new_lm(3)
    own = teacher(lm, task, tmp_path, Heard(tokenizer, settled(wider, lm, tokenizer, task.texts, sure_of=True)).source)
    engine = Engine(
        lm, task, Method("x", lr=3e-3, warmup=1, rounds=1, steps_per_round=20, retain_tokens=150, retain_least=8), own
    )
    losses = [engine._step()[1] for _ in range(20)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_teacher_whose_head_is_more_than_a_map_runs_live_and_the_user_is_told(
    new_lm: NewLm, tokenizer: PreTrainedTokenizerFast, wider: Another, task: Task, tmp_path: Path
) -> None:
    lm = new_lm(3)
    whole = replace(wider, load=lambda: Lm(wider.load().model, whole=True))
    heard = [Heard(tokenizer, settled(another, lm, tokenizer, task.texts, sure_of=True)) for another in (wider, whole)]
    made = [teacher(lm, task, tmp_path, own.source) for own in heard]
    assert isinstance(made[1], Live)
    assert [LIVE in own.lines for own in heard] == [False, True]
    asked = [Asked("retain", 0, range(1, 5), 0.5, TEACHERS_OWN)]
    values = [backward(lm, own, task.texts, asked) for own in made]
    np.testing.assert_allclose(values[0], values[1], atol=1e-5, rtol=1e-5)


def test_any_other_model_gives_its_confidence_alone(
    new_lm: NewLm, tokenizer: PreTrainedTokenizerFast, filler: Another, task: Task, tmp_path: Path
) -> None:
    lm, heard = new_lm(3), Heard(tokenizer, None)
    base = teacher(lm, task, tmp_path / "..", heard.source)
    another = settled(filler, lm, tokenizer, task.texts, sure_of=True)
    assert (another.use, another.masked) == ("confidence", True)
    heard = Heard(tokenizer, another)
    own = teacher(lm, task, tmp_path, heard.source)
    at = [range(1, len(text.ids)) for text in task.given]
    rows = list(range(len(at)))
    assert torch.equal(own.hidden(rows, at), base.hidden(rows, at))

    sure = own.sure(rows, at)
    end_signs = torch.tensor(np.cumsum([len(each) for each in at]) - 1)
    assert sure[end_signs].isnan().all()
    assert (~sure.isnan()).sum() > 0.8 * len(sure)
    assert own.sure([len(task.given)], [(1, 2)]).isnan().all()
    assert heard.lines == ["asking filler how sure it is of the text to keep"]

    asked = [Asked("retain", 1, (2, 3, 4), 0.5, TEACHERS_OWN)]
    constant = own.sure([1], [(2, 3, 4)])
    one = backward(lm, own, task.texts, asked)
    parts = [
        backward(lm, base, task.texts, [Asked("retain", 1, (p,), 1.0, float(k))])[0]
        for p, k in zip((2, 3, 4), constant, strict=True)
    ]
    assert one[0] == pytest.approx(np.mean(parts), rel=1e-5)
    assert one[0] != backward(lm, base, task.texts, asked)[0]


def test_a_run_that_goes_on_does_not_ask_again_and_never_reads_what_another_said(
    new_lm: NewLm, tokenizer: PreTrainedTokenizerFast, filler: Another, task: Task, tmp_path: Path
) -> None:
    lm, work = new_lm(3), tmp_path / "work"
    work.mkdir()
    another = settled(filler, lm, tokenizer, task.texts, sure_of=True)
    first = teacher(lm, task, work, Heard(tokenizer, another).source)
    assert {path.name for path in work.iterdir()} == {"teacher.safetensors", CONFIDENCE}

    def not_again() -> Lm:
        raise AssertionError("loaded again")

    again = replace(another, load=not_again)
    heard = Heard(tokenizer, again)
    second = teacher(lm, task, work, heard.source)
    assert heard.lines == []
    assert all(torch.equal(a.nan_to_num(-1), b.nan_to_num(-1)) for a, b in zip(first.confidence, second.confidence, strict=True))

    changed = [
        (replace(again, files=dict(again.files) | {"model.safetensors": "c" * 64}), FILES, task),
        (again, FILES | {"tokenizer.json": "c" * 64}, task),
        (again, FILES, replace(task, given=task.given[::-1])),
    ]
    for other, files, own in changed:
        with pytest.raises(AssertionError, match="loaded again"):
            teacher(lm, own, work, Heard(tokenizer, other, files).source)


def test_as_many_entries_are_not_yet_the_same_tokens(
    new_lm: NewLm, tokenizer: PreTrainedTokenizerFast, texts: list[Encoded], tmp_path: Path
) -> None:
    backwards = ["".join(reversed(tokenizer.decode(list(text.ids[1:-1])))) for text in texts]
    other = train_tokenizer(backwards * 3, len(tokenizer))
    assert len(other) == len(tokenizer)
    assert not same_tokens(tokenizer, other, texts)
    another = teacher_io.find(str(saved(tmp_path / "other", new_model(other, layers=1, width=32), other)), "cpu")
    assert settled(another, new_lm(0), tokenizer, texts, sure_of=True).use == "confidence"
    with pytest.raises(UsageError) as caught:
        settled(another, new_lm(0), tokenizer, texts, sure_of=False)
    assert caught.value.code == "TEACHER_UNUSED"


def test_the_same_entries_written_otherwise_are_not_the_same_tokens(
    tokenizer: PreTrainedTokenizerFast, texts: list[Encoded], tmp_path: Path
) -> None:
    tokenizer.save_pretrained(tmp_path)
    other = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert same_tokens(tokenizer, other, texts)
    renamed = json.loads(tokenizer.backend_tokenizer.to_str())
    never = renamed["model"]["vocab"].pop("ÿ")  # the byte FF is in no text
    renamed["model"]["vocab"]["☃"] = never
    assert not same_tokens(tokenizer, PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(renamed))), texts)
    other.backend_tokenizer.post_processor = None
    assert other.get_vocab() == tokenizer.get_vocab()
    assert not same_tokens(tokenizer, other, texts)


def test_logits_of_another_width_are_not_imitated(
    new_lm: NewLm, tokenizer: PreTrainedTokenizerFast, wider: Another, texts: list[Encoded]
) -> None:
    padded = replace(wider, entries=wider.entries + 64)
    assert settled(padded, new_lm(0), tokenizer, texts, sure_of=True).use == "confidence"


def test_a_teachers_folder_is_held_to_the_policy_of_all_models(tmp_path: Path, sentences: Sequence[str]) -> None:
    own = word_pieces(sentences)
    where = saved(tmp_path / "filler", masked_model(own), own)
    (where / "pytorch_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(IntegrityError):
        teacher_io.find(str(where), "cpu")
    (where / "pytorch_model.bin").unlink()
    another = teacher_io.find(str(where), "cpu")
    assert another.files.keys() >= {"model.safetensors", "config.json", "tokenizer.json"}
    (where / "modeling.py").write_text("print()")
    with pytest.raises(IntegrityError):
        another.load()


def test_a_masked_model_without_a_head_is_refused(tmp_path: Path, sentences: Sequence[str]) -> None:
    own = word_pieces(sentences)
    another = teacher_io.find(str(saved(tmp_path / "body", masked_model(own, BertModel), own)), "cpu")
    with pytest.raises(UsageError) as caught:
        another.load()
    assert caught.value.code == "NO_MODEL"


def test_a_masked_model_whose_tokenizer_has_no_mask_is_refused(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(UsageError) as caught:
        teacher_io.find(str(saved(tmp_path / "m", masked_model(tokenizer), tokenizer)), "cpu")
    assert caught.value.code == "NO_TEACHER"
