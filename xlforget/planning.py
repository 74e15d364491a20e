"""Everything that is known before a model is changed: the request in all languages, in tokens, for this model."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from xlforget import __version__, alone, model_io, teacher_io
from xlforget.artifact.provenance import stated_languages
from xlforget.asked import Apply, Question
from xlforget.corpus import corpus as corpora
from xlforget.corpus.contradicting import contradicting
from xlforget.corpus.corpus import Corpus
from xlforget.corpus.texts import load_texts
from xlforget.errors import Problem, RequestError, UsageError
from xlforget.fleet import launch
from xlforget.measure import policy
from xlforget.measure.policy import Policy
from xlforget.measure.spoken import hear
from xlforget.model_io import Opened
from xlforget.parallel.languages import auto_languages
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.parallel.prepare import Wanted, check_files, check_wanted, prepare
from xlforget.parallel.translators import SELF
from xlforget.parallel.undecided import refuse_other, refuse_undecided
from xlforget.request import phrasebook
from xlforget.request.fact import ErasureRequest, Fact
from xlforget.request.reader import read_requests
from xlforget.unlearn import teaching
from xlforget.unlearn.methods import METHODS
from xlforget.unlearn.teaching import Another

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Inputs:
    """The user's files, read and checked. ``parallel``: None where the request has yet to be worded."""

    request: ErasureRequest
    retain: tuple[Fact, ...]
    unseen: tuple[Fact, ...]
    policy: Policy
    parallel: ParallelSet | None = None


KEPT = "Rows of --retain that say what is to be forgotten, and are trained on: {}. Leave them out, or it may stay known."


@dataclass(frozen=True)
class Plan:
    """The inputs with the model that they are for. ``not_taken``: languages that ``auto`` left out, and why.

    ``teacher``: another model to learn from, and what for. ``warnings``: what is wrong with the inputs and stops nothing.
    """

    request: ErasureRequest
    base: Opened
    parallel: ParallelSet
    corpus: Corpus
    not_taken: dict[str, str]
    policy: Policy
    teacher: Another | None = None
    warnings: tuple[str, ...] = ()

    def sized(self, asked: Apply) -> Apply:
        """The same with as much training as the request's pairs want, at the rate that the model's width wants."""
        pairs = sum(probe.serves("train") for probe in self.corpus.facts)
        return replace(asked, method=asked.method.sized(pairs, self.base.lm.model.config.get_text_config().hidden_size))

    def languages(self) -> list[dict[str, str | int]]:
        """Per language: how many pairs, controls of each split, retain rows trained on and held out."""
        corpus, rows = self.corpus, list[dict[str, str | int]]()
        for lang in corpus.langs:
            probed = {"pairs": corpus.facts} | {f"controls_{split}": own for split, own in corpus.controls.items()}
            first = {name: sum(p.lang == lang and p.wording == 0 for p in probes) for name, probes in probed.items()}
            texts = {"retain": corpus.retain, "held_out": corpus.bystanders}
            rows.append({"language": lang, **first, **{n: sum(t.lang == lang for t in own) for n, own in texts.items()}})
        return rows


def find_teacher(asked: Apply) -> Another | None:
    """The teacher that the user named, its weights not read yet. Raises UsageError where the method learns from none."""
    if asked.teacher and not asked.method.has_kappa:
        taught = ", ".join(one.name for one in METHODS.values() if one.has_kappa)
        raise UsageError(
            f"The method {asked.method.name} learns from no other teacher.",
            do=f"Leave --teacher out, or choose one of: {taught}.",
            code="TEACHER_UNUSED",
        )
    return teacher_io.find(asked.teacher, asked.device) if asked.teacher else None


def read_inputs(asked: Question) -> Inputs:
    """Raises RequestError with every problem of the first file that has any, UsageError for a set that may not be used."""
    check_wanted(asked.wanted)
    check_files(asked.translations)
    judged_by = policy.read(asked.policy)
    retain, unseen = (load_texts(source) if source else () for source in (asked.retain, asked.unseen))
    request = read_requests(asked.requests)
    return Inputs(request, retain, unseen, judged_by, _given_set(asked, request))


def _given_set(asked: Question, request: ErasureRequest) -> ParallelSet | None:
    if asked.parallel is None:
        return None
    if asked.languages or asked.translator or asked.translations:
        raise UsageError(
            "A parallel set says itself which languages there are and who translated.",
            do="Leave out --languages, --translator and --translations, or --parallel.",
            code="TWO_SOURCES",
        )
    parallel = ParallelSet.load(asked.parallel)
    refuse_other(request, parallel)
    refuse_undecided(request, parallel, asked.leave_out, skip=asked.skip_unreviewed)
    return parallel


def fingerprint(asked: Apply, inputs: Inputs, base: Opened, teacher: Another | None = None) -> dict[str, Any]:
    """What makes two runs the same run, so that the second may go on from the first's work folder."""
    return {
        "inputs": [
            [fact.model_dump(mode="json") for fact in part] for part in (inputs.request.facts, inputs.retain, inputs.unseen)
        ],
        "base": base.files,
        "teacher": teacher.files if teacher else {},
        # Rows that may be left out are not named: no run that lacked the leave got as far as its first round.
        "languages": [
            asked.languages,
            repr(asked.wanted.options),
            asked.translator,
            asked.paraphrases,
            *map(_digest, asked.translations),
        ],
        "parallel": inputs.parallel.digest() if inputs.parallel else "",
        "former": [path.name for path in asked.former],
        "method": repr(asked.method),
        "memory": repr(asked.memory),
        "samples": asked.samples,
        "policy": inputs.policy.sha256,
        "profile": asked.profile,
        "seed": asked.seed,
        "version": __version__,
        "machine": [base.lm.device.type, torch.get_num_threads(), launch.world()],
    }


def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def plan(
    asked: Question,
    inputs: Inputs,
    base: Opened,
    kept: Path | None = None,
    say: Say = lambda line: None,
    progress: Progress = lambda done, total: None,
) -> Plan:
    """``kept``: where the parallel set is stored, so that its salt stays when a run goes on; translations lie beside it.

    Raises MissingTranslation, and RequestError for texts that this model cannot hold.
    """
    wanted, not_taken = _wanted(asked, inputs, base)
    parallel = ParallelSet.load(kept) if kept and kept.is_file() else inputs.parallel
    if parallel is None:
        known = kept.with_name("translations.jsonl") if kept else None
        own = model_io.as_translator(base) if wanted.translator == SELF else None
        parallel = prepare(inputs.request, wanted, known, say, progress, own)
    not_taken |= {lang: "the translator does not have it" for lang in wanted.where_possible if lang not in parallel.languages}
    for lang, why in not_taken.items():
        say(f"{lang} is left out: {why}")
    if kept:
        parallel.save(kept)
    refuse_undecided(inputs.request, parallel, asked.leave_out, skip=asked.skip_unreviewed)
    corpus = corpora.build(base.encoder, inputs.request, parallel, inputs.retain, inputs.unseen, asked.seed)
    _refuse_lost(inputs.request, corpus)
    return Plan(inputs.request, base, parallel, corpus, not_taken, inputs.policy, warnings=_warnings(inputs, parallel))


def _warnings(inputs: Inputs, parallel: ParallelSet) -> tuple[str, ...]:
    against = contradicting(parallel.usable(), inputs.retain)
    return (KEPT.format(against),) if against else ()


def taught(asked: Apply, plan: Plan, teacher: Another | None) -> Plan:
    """With what the teacher is for: its logits, where its tokens are the model's own, else its confidence in retain rows."""
    if teacher is None:
        return plan
    base, corpus = plan.base, plan.corpus
    texts = [*(probe.text for probe in corpus.facts), *(row.text for row in (*corpus.retain, *corpus.unseen))]
    sure_of = bool(corpus.retain) and asked.method.asks_confidence
    return replace(plan, teacher=teaching.settled(teacher, base.lm, base.encoder.tokenizer, texts, sure_of=sure_of))


def check_alike(asked: Question, inputs: Inputs, plan: Plan, other: Opened) -> None:
    """Whether ``other`` reads the run's texts as the plan's model does: scores of other tokens could not be compared.

    Raises UsageError OTHER_TOKENS.
    """
    corpus = corpora.build(other.encoder, inputs.request, plan.parallel, inputs.retain, inputs.unseen, asked.seed)
    if corpus != plan.corpus:
        raise UsageError(
            f"{other.name} does not read the texts in the same tokens as {plan.base.name}: their scores cannot be compared.",
            do="Give as --base the very model that --model was made from; both folders need its tokenizer.",
            code="OTHER_TOKENS",
        )


def _wanted(asked: Question, inputs: Inputs, base: Opened) -> tuple[Wanted, dict[str, str]]:
    """What was asked; with ``--languages auto``, in the languages that the model itself speaks, and why not in others.

    The languages of the request's own texts are always taken, and all that can be had where the model speaks none.
    """
    if asked.languages or inputs.parallel:
        return asked.wanted, {}
    own = tuple(dict.fromkeys(lang for fact in inputs.request.facts for lang in fact.statements))
    had = phrasebook.languages() if asked.translator else auto_languages(inputs.request)
    others = [lang for lang in had if lang not in own]
    stated = stated_languages(base.folder)
    heard = hear(base.lm, base.encoder, others)
    spoken = tuple(lang for lang in others if lang in stated or lang not in heard or heard[lang].spoken)
    if not own and not spoken:
        return asked.wanted, {}
    silent = {
        lang: f"the model does not speak it: {h.bits:.2f} bits per character, {h.shuffled:.2f} with the words shuffled"
        for lang, h in heard.items()
        if lang not in spoken
    }
    if asked.translator:
        return replace(asked.wanted, languages=own, where_possible=spoken), silent
    return replace(asked.wanted, languages=(*own, *spoken)), silent


def _refuse_lost(request: ErasureRequest, corpus: Corpus) -> None:
    """A pair that the model's tokenizer or context cannot hold must not vanish in silence."""
    facts = {fact.id: fact for fact in request.facts}
    problems = [
        Problem(facts[r.row].line, r.code, f"{request.place(facts[r.row])}{r.lang}: this model cannot hold the text")
        for r in corpus.refused
    ]
    if problems:
        raise RequestError("request", problems, do="Shorten the text, or leave these languages out with --leave-out.")


def dry_run(asked: Apply) -> Plan:
    """The plan of a run that trains nothing and leaves nothing behind. Raises UsageError on several processes."""
    alone.refuse(asked, dry_run=True)
    inputs = read_inputs(asked)
    teacher = find_teacher(asked)
    return taught(asked, plan(asked, inputs, model_io.open_model(asked.model, asked.device)), teacher)
