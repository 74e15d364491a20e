"""From what a run asked, did and measured to the audit, and to the evidence bundle that measures it again."""

import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from xlforget import stayed
from xlforget.artifact import audit as papers
from xlforget.artifact import provenance
from xlforget.artifact.commitments import Commitment
from xlforget.artifact.render.words import NOT_LANGUAGES
from xlforget.asked import Apply
from xlforget.corpus.corpus import Corpus, Text, per_language
from xlforget.fleet import launch
from xlforget.measure.check import Check, memorised
from xlforget.measure.examine import Examination, as_rows
from xlforget.measure.verdict import Verdict
from xlforget.model_io import Opened
from xlforget.parallel.parallel_set import Pair, ParallelSet
from xlforget.planning import Plan
from xlforget.unlearn import precision
from xlforget.unlearn.made import Made
from xlforget.unlearn.unlearn import Unlearned

THRESHOLDS = (
    "Per language and form of fact, from controls: unseen statements of the same form, scored by the same model. "
    "Permutation of facts and controls; Holm over all tests; the same tests on the base as positive control."
)


@dataclass(frozen=True)
class Run:
    """Everything that the report speaks of, as the pipeline had it in hand.

    ``own``: in a batch, what each ticket's own tests say; ``batch``: where this is what one of its tickets sees.
    ``stays``: the text that no attack may cost the model.
    """

    plan: Plan
    asked: Apply
    made: Made | None
    unlearned: Unlearned | None
    seconds: float
    before: Examination
    after: Examination
    checks: Sequence[Check]
    verdict: Verdict
    tickets: "Before"
    own: tuple[Verdict, ...] = ()
    batch: papers.Batch | None = None
    stays: tuple[Text, ...] = ()

    @property
    def corpus(self) -> Corpus:
        return self.plan.corpus

    @property
    def base(self) -> Opened:
        return self.plan.base


@dataclass(frozen=True)
class Kept:
    """What was written beside the folder: the evidence bundle's digest, the key it was sealed to, the commitments.

    In a batch each ticket has a commitment of its own, in their order.
    """

    evidence: str | None = None
    sealed_to: str | None = None
    commitments: tuple[Commitment, ...] = ()

    def of_ticket(self, number: int) -> "Kept":
        """What the report of one ticket says of it."""
        return Kept(commitments=self.commitments[number : number + 1])


@dataclass(frozen=True)
class Before:
    """The tickets before this one, as the report names them."""

    parent: papers.Parent | None = None
    former: tuple[papers.Former, ...] = ()


def compose(run: Run, output: dict[str, str] | None, name: str, kept: Kept) -> papers.Audit:
    """The audit; ``output``: digests of the model's files that were written, None where none were."""
    return papers.Audit(
        result=run.batch.gate if run.batch else papers.result_of(run.verdict),
        created_at=datetime.now(UTC),
        ticket=run.asked.tickets[0] if len(run.asked.tickets) == 1 else None,
        tool=provenance.this_tool(),
        environment=_environment(run.base),
        base=papers.Model(name=run.base.name, files=run.base.files, licence=provenance.stated_licence(run.base.folder)),
        output=papers.Model(name=name, files=output) if output else None,
        tokenizer=papers.Tokenizer(kind=type(run.base.encoder.tokenizer).__name__, entries=len(run.base.encoder.tokenizer)),
        request=_request(run),
        parallel_set=_parallel(run.plan.parallel),
        method=_method(run),
        data=_data(run),
        verdict=run.verdict,
        facts=_facts(run),
        utility=_utility(run),
        residues=papers.Residues(work_folder_removed=True, tokenizer_entries=_entries(run)),
        evidence=kept.evidence,
        sealed_to=kept.sealed_to,
        commitment=kept.commitments[0] if len(kept.commitments) == 1 else None,
        parent=run.tickets.parent,
        former=run.tickets.former,
        batch=run.batch,
    )


def _environment(base: Opened) -> papers.Environment:
    return papers.Environment(
        python=platform.python_version(),
        torch=torch.__version__,
        transformers=transformers.__version__,
        device=torch.cuda.get_device_name() if base.lm.device.type == "cuda" else base.lm.device.type,
        threads=torch.get_num_threads(),
        precision=base.precision,
    )


def _request(run: Run) -> papers.Request:
    usable = run.plan.parallel.usable()
    out = {p.lang: p.reason for p in run.plan.parallel.pairs if not p.usable and p.lang not in run.corpus.langs}
    return papers.Request(
        facts=len(run.plan.request.facts),
        pairs=len(usable),
        per_form={f"form {form}": n for form, n in sorted(Counter(f.form for f in run.plan.request.facts).items())},
        languages_unlearned=run.corpus.langs if run.unlearned else (),
        languages_only_tested=() if run.unlearned else run.corpus.langs,
        languages_left_out=tuple(
            papers.LeftOut(language=lang, reason=reason or "left out") for lang, reason in (run.plan.not_taken | out).items()
        ),
        pairs_in_review=sum(p.status == "review" and p.undecided for p in run.plan.parallel.pairs) + len(run.corpus.refused),
        pairs_unusable=sum(p.status == "fail" and p.undecided for p in run.plan.parallel.pairs),
        pairs_dropped=sum(p.decision == "dropped" and not p.usable for p in run.plan.parallel.pairs),
    )


def _parallel(parallel: ParallelSet) -> papers.ParallelSet:
    return papers.ParallelSet(
        digest=parallel.digest(),
        pairs=len(parallel.pairs),
        warned=sum(pair.status == "warn" for pair in parallel.pairs),
        accepted=sum(pair.usable and pair.decision == "accepted" for pair in parallel.pairs),
        edited=sum(pair.usable and pair.decision == "edited" for pair in parallel.pairs),
        translators=tuple(
            papers.Translator(name=t.name, model=_short(t.model), version=t.version, licence=t.licence)
            for t in parallel.translators
        ),
    )


def _short(model: str) -> str | None:
    """A model's own name: what comes before it is a place on somebody's machine."""
    return Path(model).name[:200] or None


def _method(run: Run) -> papers.Method:
    chosen = asdict(run.asked.method) | asdict(run.asked.memory)
    chosen["precision"] = str(precision.chosen(run.asked.memory.precision, run.base.lm.device)).removeprefix("torch.")
    if launch.world() > 1:
        chosen |= {"processes": launch.world(), "precision": run.base.precision}
    parameters = {k: _parameter(v) for k, v in chosen.items() if k != "name" and v not in (None, ())}
    done = run.unlearned or Unlearned(0, 0, (0, 0))
    parameters |= {"visits_least": done.visits[0], "visits_most": done.visits[1]}
    parameters |= {f"visits/{lang}": f"{least} to {most}" for lang, (least, most) in done.by_lang.items()}
    if done.alpha is not None:
        parameters |= {"alpha": done.alpha}
    if done.against_text:
        parameters |= {"against_other_text": True}
    if run.made:
        parameters |= {"samples_drawn": run.made.drawn, "samples_thrown_out": run.made.stating}
        parameters |= {"texts_told": len(run.made.told)}
    if teacher := run.plan.teacher:
        parameters |= {"teacher": teacher.name, "teacher_use": teacher.use}
        parameters |= {f"teacher/{name}": digest for name, digest in teacher.files.items()}
    return papers.Method(
        name=run.asked.method.name,
        parameters=parameters,
        seed=run.asked.seed,
        rounds=-(-done.steps // run.asked.method.steps_per_round),
        steps=done.steps,
        seconds=round(run.seconds, 1),
    )


def _parameter(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


def _data(run: Run) -> papers.Data:
    retain = {"given": per_language(run.corpus.retain), "given, held out": per_language(run.corpus.bystanders)}
    if run.made:
        retain["made"] = {"samples, neighbours and neutral sentences": len(run.made.train)}
        retain["made, held out"] = {"samples": len(run.made.held_out)}
    return papers.Data(
        retain={name: counts for name, counts in retain.items() if counts},
        unseen={"perplexity": per_language(run.corpus.unseen)},
        controls={split: per_language(p for p in probes if p.wording == 0) for split, probes in run.corpus.controls.items()},
        thresholds=THRESHOLDS,
    )


def _facts(run: Run) -> tuple[papers.FactFigures, ...]:
    """Per fact and language, before and after, under random ids that are sorted: their order tells nothing."""
    found: dict[str, dict[str, papers.PairFigures]] = {}
    for check in (c for c in run.checks if c.plain):
        known = memorised(check, check.langs)
        before, after = (e.facts.table("ma", check.role, check.langs) for e in (check.base, check.edited))
        for i, row in enumerate(check.edited.facts.rows()):
            for j, lang in enumerate(check.langs):
                if not np.isnan(before[i, j]):
                    ma = papers.BeforeAfter(before=round(float(before[i, j]), 1), after=round(float(after[i, j]), 1))
                    found.setdefault(row, {})[lang] = papers.PairFigures(ma=ma, memorised_before=bool(known[i, j]))
    ids, rows = provenance.opaque_ids(len(found)), list(found)
    order = np.random.default_rng().permutation(len(rows))
    return tuple(papers.FactFigures(id=i, languages=found[rows[k]]) for i, k in zip(ids, order, strict=True))


def _utility(run: Run) -> tuple[papers.Utility, ...]:
    def by_lang(part: str, figure: str) -> dict[str, papers.BeforeAfter]:
        pairs = zip(getattr(run.before, part), getattr(run.after, part), strict=True)
        return {b.lang: papers.BeforeAfter(before=getattr(b, figure), after=getattr(a, figure)) for b, a in pairs}

    perplexity, unseen = by_lang("unseen", "perplexity"), by_lang("unseen", "ma")
    retain, bystanders = by_lang("retain", "ma"), by_lang("bystanders", "ma")
    langs = dict.fromkeys([*run.corpus.langs, *perplexity, *retain, *bystanders])
    return tuple(
        papers.Utility(
            language=_named(lang),
            perplexity=perplexity.get(lang),
            retain=retain.get(lang),
            unseen=unseen.get(lang),
            bystanders=bystanders.get(lang),
        )
        for lang in langs
    )


def _named(lang: str) -> str:
    return NOT_LANGUAGES.get(lang, lang)


def _entries(run: Run) -> int:
    """How many answers of the facts are single entries of the vocabulary: the tokenizer itself holds these."""
    vocabulary = run.base.encoder.tokenizer.get_vocab()
    answers = {w.answer for p in run.plan.parallel.usable() for w in p.wordings if w.span}
    encode = run.base.encoder.tokenizer
    pieces = {tuple(encode(f"{lead}{a}", add_special_tokens=False)["input_ids"]) for a in answers for lead in ("", " ")}
    return sum(len(p) == 1 for p in pieces) if vocabulary else 0


def evidence(run: Run) -> dict[str, bytes]:
    """The bundle's parts: personal data, for whoever may measure again."""
    return stayed.pack(run.corpus, run.made.held_out if run.made else (), run.before) | {
        "parallel.jsonl": run.plan.parallel.to_bytes(),
        "controls.jsonl": _lines([p.model_dump() for p in _read_pairs(run.corpus)]),
        "scores.json": json.dumps(
            {
                "facts_before": as_rows([run.before.facts]),
                "controls_before": as_rows([run.before.controls]),
                "facts_after": as_rows([run.after.facts]),
                "controls_after": as_rows([run.after.controls]),
                "attacked_before": {
                    name: as_rows([own.sheets.facts, own.sheets.controls]) for name, own in run.before.attacked.items()
                },
                "stays": [[one.lang, one.text.ids, one.text.answer] for one in run.stays],
                "costs_before": {name: own.costs for name, own in run.before.attacked.items()},
            }
        ).encode(),
    }


def _read_pairs(corpus: Corpus) -> list[Pair]:
    """Controls that the verdict is taken from, and those that attacks train on."""
    from xlforget.corpus.controls import split_of

    return [p for p in corpus.control_pairs if split_of(p.fact) != "aim"]


def _lines(rows: Sequence[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
