"""The whole line on every architecture that the README names: memorised, erased, written, read back, and the gate passed."""

from pathlib import Path

import pytest
import torch

from tests.e2e.conftest import LANGS, make_place
from tests.e2e.watching import Silent
from tests.families import FAMILIES

pytestmark = pytest.mark.e2e

# Put through attacks too: a plain model, one whose projections are fused, one with experts. The others are of their kinds.
ATTACKED = ("llama", "bloom", "qwen3-moe")


def logits(folder: Path, ids: torch.Tensor) -> torch.Tensor:
    from transformers import AutoModelForCausalLM

    with torch.inference_mode():
        return AutoModelForCausalLM.from_pretrained(folder)(input_ids=ids).logits  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", FAMILIES)
def test_it_forgets_and_passes_the_gate(name: str, tmp_path: Path) -> None:
    from xlforget import model_io, pipeline
    from xlforget.asked import Apply
    from xlforget.unlearn.methods import method
    from xlforget.unlearn.teacher import LIVE

    family = FAMILIES[name]
    make_place(
        tmp_path, make=family.new, tokens=family.tokenizer, epochs=100 if name == "xglm" else 50
    )  # Unigram vocabularies differ from run to run
    asked = Apply(
        requests=(str(tmp_path / "request.jsonl"),), model=str(tmp_path / "model"), out=tmp_path / "out", key=tmp_path / "k.pem",
        languages=LANGS,
        method=method("adaptive", rounds=3, lr=6e-3), samples=32, device="cpu",
        profile="standard" if name in ATTACKED else "quick",
    )  # fmt: skip
    applied = pipeline.apply(asked, Silent())
    rows = applied.verdict.languages
    assert applied.verdict.passed
    assert not applied.verdict.nothing_memorised
    assert LIVE not in applied.verdict.warnings
    assert {row.lang for row in rows} == set(LANGS)
    assert all(row.ma_before >= 0.9 and row.logp_after < row.logp_before - 2.0 for row in rows)

    ids = torch.arange(4, 24)[None]
    opened = model_io.open_model(str(tmp_path / "out"), "cpu")
    assert not opened.lm.whole
    with torch.inference_mode():
        own = opened.lm.head(opened.lm.model.base_model(input_ids=ids).last_hidden_state)
    written, base = logits(tmp_path / "out", ids), logits(tmp_path / "model", ids)
    torch.testing.assert_close(own, written, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(written, base, atol=1e-2)
    tied = opened.lm.model.get_output_embeddings().weight is opened.lm.model.get_input_embeddings().weight
    assert tied == family.tied
