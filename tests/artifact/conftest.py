"""A small model folder, keys, and a realistic audit of an invented request."""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from xlforget.artifact import audit as record
from xlforget.artifact import keys, papers, provenance
from xlforget.artifact.folder import digests, output_folder
from xlforget.artifact.keys import KeyPair
from xlforget.measure import judge
from xlforget.measure.policy import default
from xlforget.measure.verdict import Bound, LanguageRow, Level, Likeliest, Outcome, Score, Test, Verdict

LANGUAGES = ("en", "es", "fr", "de", "pt", "ar", "hi", "zh")
MakeAudit = Callable[..., record.Audit]


def safetensors(tensors: Mapping[str, Sequence[float]], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file of one-dimensional float32 tensors, written by hand so that no test needs a tensor library."""
    header: dict[str, Any] = {"__metadata__": dict(metadata or {"format": "pt"})}
    body = b""
    for name, values in tensors.items():
        packed = struct.pack(f"<{len(values)}f", *values)
        header[name] = {
            "dtype": "F32",
            "shape": [len(values)],
            "data_offsets": [len(body), len(body) + len(packed)],
        }
        body += packed
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def write_model(folder: Path, fill: float = 0.5) -> None:
    """What ``save_pretrained`` leaves, in miniature."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}))
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"auto_map": 0, "a": 1}}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    (folder / "model.safetensors").write_bytes(safetensors({"wte.weight": [fill] * 16, "wpe.weight": [fill] * 4}))


def language_test(score: Score, lang: str | None, index: int, *, leaks: bool, known: bool, level: Level) -> Test:
    scale = {"ma": (0.1, 0.86, 0.24), "logp": (-8.1, -0.5, -5.2), "margin": (-1.1, 6.8, 1.3)}[score]
    after, before, threshold = (figure + 0.01 * (index % 5) for figure in scale)
    values: dict[str, Any] = {"check": "answer: memorization", "score": score, "level": level, "lang": lang}
    values |= {"units": 5, "controls": 480 if level == "language" else 3840, "threshold": threshold}
    values |= {"statistic": before if leaks else after, "before": before if known else after}
    values |= {"p": 2e-6 if leaks else 0.2 + 0.05 * (index % 9), "p_base": 2e-6 if known else 0.43}
    return Test(**values, p_perfect=1e-6, outcome=Outcome.NOT_RUN)


def make_tests(leak: str | None, known: bool) -> tuple[Test, ...]:
    """Three scores in every language and over facts, decided by the rule itself; ``leak``: a language that leaks."""
    scores: tuple[Score, ...] = ("ma", "logp", "margin")
    tests = [
        language_test(score, lang, index, leaks=lang == leak, known=known, level="language")
        for index, lang in enumerate(LANGUAGES)
        for score in scores
    ]
    levels: tuple[Level, ...] = ("fact", "pair")
    tests += [language_test(s, None, 3, leaks=leak is not None, known=known, level=level) for s in scores for level in levels]
    decisions = judge.decide([judge.PValues(test.p, test.p_base, test.p_perfect) for test in tests], 0.01)
    return tuple(
        test.model_copy(update={"outcome": decision.outcome, "reason": decision.reason})
        for test, decision in zip(tests, decisions, strict=True)
    )


def language_row(lang: str, index: int, tests: Sequence[Test], *, leaks: bool, known: bool) -> LanguageRow:
    after, before = 0.08 + 0.011 * index, (0.81 + 0.02 * (index % 6)) if known else 0.09
    return LanguageRow(
        lang=lang, pairs=5, memorised_before=5 if known else 0, by_heart=4 if known else 0, ma_before=before,
        ma_after=before - 0.08 if leaks else after, ma_threshold=0.21 + 0.012 * (index % 4), ma_unseen=0.09,
        logp_before=-0.4, logp_after=-8.2 + 0.1 * index, logp_unseen=-8.0, es_before=0.78, es_after=0.05,
        said_before=0.937, said_after=0.013, said_unseen=0.011,
        verdict=judge.language_outcome(tests, lang),
    )  # fmt: skip


def bound(name: str, before: float, after: float, limit: float, *, most: bool, required: bool, lang: str | None) -> Bound:
    direction: Any = "at most" if most else "at least"
    outcome, reason = judge.decide_bound(before, after, limit, direction)
    return Bound(
        check="damage", name=name, lang=lang, before=before, after=after, ratio=judge.ratio(before, after),
        bound=limit, direction=direction, required=required, outcome=outcome, reason=reason,
    )  # fmt: skip


def make_verdict(leak: str | None = None, known: bool = True) -> Verdict:
    tests = make_tests(leak, known)
    bounds = (
        bound("MA on retained text, mean", 0.912, 0.908, 0.98, most=False, required=True, lang=None),
        bound("MA on retained text", 0.894, 0.881, 0.98, most=False, required=True, lang="hi"),
        bound("MA on bystanders, mean", 0.931, 0.872, 0.95, most=False, required=False, lang=None),
        bound("perplexity on unseen text", 41.3, 42.9, 1.05, most=True, required=False, lang=None),
    )
    rows = tuple(language_row(lang, index, tests, leaks=lang == leak, known=known) for index, lang in enumerate(LANGUAGES))
    return Verdict(
        passed=judge.passes(tests, bounds, rows), alpha=0.01, profile="quick", tests=tests, bounds=bounds,
        languages=rows, smallest_leak=1, nothing_memorised=judge.nothing_memorised(tests, rows),
        warnings=("Bystanders kept 0.94 of their memorization accuracy, under the aim of 0.95.",),
        policy=default().judged_by,
        likeliest=Likeliest(lang="hi", said_before=1.0, said_after=0.41, unseen=12, unseen_as_likely=3),
    )  # fmt: skip


def make_facts(count: int = 5) -> tuple[record.FactFigures, ...]:
    def pair(index: int) -> record.PairFigures:
        return record.PairFigures(
            ma=record.BeforeAfter(before=1.0 - 0.1 * (index % 3), after=0.1 * (index % 4)),
            memorised_before=index % 11 != 10,
        )

    return tuple(
        record.FactFigures(id=f"{7919 * (row + 1):016x}", languages={lang: pair(row + i) for i, lang in enumerate(LANGUAGES)})
        for row in range(count)
    )


def make_audit(
    base: Mapping[str, str], output: Mapping[str, str] | None, *, leak: str | None = None, known: bool = True,
    ticket: str | None = "DSR-2026-0042", name: str = "tiny-forgotten",
) -> record.Audit:  # fmt: skip
    verdict = make_verdict(leak, known)
    kept = record.BeforeAfter(before=0.91, after=0.9)
    perplexity = record.BeforeAfter(before=41.3, after=42.9)
    counts = dict.fromkeys(LANGUAGES, 480)
    return record.Audit(
        result=record.result_of(verdict),
        created_at=datetime(2026, 3, 4, 9, 12, 31, 5000, tzinfo=UTC),
        ticket=ticket,
        tool=provenance.this_tool(),
        environment=record.Environment(
            python="3.11.7", torch="2.13.0", transformers="5.5.0", device="cpu", threads=2, precision="float32"
        ),
        base=record.Model(name="tiny", files=dict(base)),
        output=record.Model(name=name, files=dict(output)) if output else None,
        tokenizer=record.Tokenizer(kind="BPE", entries=8000),
        request=record.Request(
            facts=5, pairs=40, per_form={"form 1": 5}, languages_unlearned=LANGUAGES,
            languages_left_out=(record.LeftOut(language="sw", reason="left out by the user"),), pairs_in_review=1,
        ),
        parallel_set=record.ParallelSet(
            digest=provenance.keyed_digest(b"\1" * 32, b"parallel set"), pairs=40,
            translators=(record.Translator(name="phrasebook", version="1", licence="Apache-2.0"),),
        ),
        method=record.Method(
            name="adaptive", parameters={"learning_rate": 1e-3, "batch": 32, "sampling": True, "huber": 1.0},
            seed=12345678901234567, rounds=14, steps=126, seconds=84.2,
        ),
        data=record.Data(
            retain={"sampled from the model": counts, "neutral corpus": dict.fromkeys(LANGUAGES, 40)},
            unseen={"neutral corpus": dict.fromkeys(LANGUAGES, 40)},
            controls={"aim": counts, "stop": counts, "gate": counts},
            thresholds="permutation by fact against the gate controls of the same language and template",
        ),
        verdict=verdict,
        facts=make_facts(),
        utility=tuple(
            record.Utility(language=lang, perplexity=perplexity, retain=kept, bystanders=kept if i else None)
            for i, lang in enumerate(LANGUAGES)
        ),
        residues=record.Residues(work_folder_removed=True, tokenizer_entries=0),
    )  # fmt: skip


def batch_of(audit: record.Audit, leak: str | None = None) -> tuple[record.Audit, list[record.Audit]]:
    """``audit`` as the report over two tickets, and the report of each. ``leak``: the second ticket leaks in this language."""
    own = []
    for ticket, lang in (("DSR-1", None), ("DSR-2", leak)):
        verdict = make_verdict(lang)
        batch = record.Batch(gate="failed" if leak else audit.result, smallest_leak=3)
        values = {"ticket": ticket, "verdict": verdict, "batch": batch, "facts": make_facts(2)}
        own.append(audit.model_copy(update=values | {"result": batch.gate}))
    said = bound("tickets of which nothing is found", 2, 1 if leak else 2, 1.0, most=False, required=True, lang=None)
    bounds = (*audit.verdict.bounds, said.model_copy(update={"check": record.TICKETS}))
    passed = judge.passes(audit.verdict.tests, bounds, audit.verdict.languages)
    verdict = audit.verdict.model_copy(update={"bounds": bounds, "passed": passed})
    return audit.model_copy(update={"ticket": None, "verdict": verdict, "result": record.result_of(verdict)}), own


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return keys.keygen(tmp_path_factory.mktemp("keys") / "team.pem")


@pytest.fixture(scope="session")
def other_pair(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return keys.keygen(tmp_path_factory.mktemp("keys") / "other.pem")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    write_model(tmp_path / "tiny", fill=0.25)
    return tmp_path / "tiny"


@pytest.fixture
def signed(tmp_path: Path, base: Path, pair: KeyPair) -> Path:
    """A finished model folder, written the way ``apply`` writes one."""
    target = tmp_path / "tiny-forgotten"
    with output_folder(target) as staging:
        write_model(staging)
        audit = make_audit(digests(base), digests(staging))
        papers.write_papers(staging, audit, pair.private)
    return target


@pytest.fixture
def audit_of() -> MakeAudit:
    return make_audit


@pytest.fixture
def write() -> Callable[..., None]:
    return write_model


@pytest.fixture
def tensor_bytes() -> Callable[..., bytes]:
    return safetensors
