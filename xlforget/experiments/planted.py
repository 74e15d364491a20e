"""The models that the gate is measured on, made once and kept: what each knows is known, and whether it must pass."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from xlforget import model_io, planning
from xlforget.asked import Apply
from xlforget.corpus.corpus import Corpus
from xlforget.corpus.encode import Encoded
from xlforget.experiments import cheats, trained_cheats
from xlforget.experiments.main import MEMORISED
from xlforget.experiments.memorised import keep, train_missing
from xlforget.experiments.runs import Say, keeping
from xlforget.experiments.sets import Part, Set
from xlforget.lm import Lm
from xlforget.planning import Plan

WHOLE_LEFT = (1, 2, 4, 8)
# Two of each seed: five seeds make ten retrained models.
OTHER_SEED = 1000
AS_IT_WAS, RETRAINED, ERASED = "as it was", "retrained", "erased in all languages"
Change = Callable[[Lm, Corpus, int], None]


def _texts(corpus: Corpus) -> list[Encoded]:
    return [probe.text for probe in corpus.facts]


def _hide(lm: Lm, corpus: Corpus, seed: int) -> None:
    cheats.hide_within_four_bits(lm, _texts(corpus), [row.text for row in corpus.retain], seed)


def _hide_and_rescale(lm: Lm, corpus: Corpus, seed: int) -> None:
    _hide(lm, corpus, seed)
    cheats.rescale(lm)


CHEATS: dict[str, Change] = {
    "answers pushed just below the first place": lambda lm, corpus, seed: cheats.demote(lm, _texts(corpus), seed),
    "rows of the head shrunk": lambda lm, corpus, seed: cheats.shrink_rows(lm, _texts(corpus)),
    "hidden within the steps of 4 bits": _hide,
    "the same, and broken by rounding": _hide_and_rescale,
    "forgotten until it is fine-tuned": trained_cheats.undone_by_fine_tuning,
    "moved to one language": trained_cheats.moved_to_one_language,
    "said of others": trained_cheats.told_of_others,
    "known behind others": trained_cheats.known_behind_others,
    "broken to noise": lambda lm, corpus, seed: cheats.break_to_noise(lm, seed),
}
EXACT = "forgotten in the request's wordings alone"
BANNED = "answers banned by the model's files"
REFUSAL = "{{ 'I cannot answer that.' }}"


@dataclass(frozen=True)
class Planted:
    """One model. ``must``: whether it must pass; None: either is possible, or known not to be told.

    ``languages``: in which it is asked, where not in all.
    """

    name: str
    where: Path
    must: bool | None
    languages: tuple[str, ...] = ()


def models(chosen: Set, files: Mapping[Part, Path], asked: Apply, *, quick: bool, say: Say) -> Iterator[Planted]:
    """All models of the seed that is asked for; of every seed but 0 they lie beside those of seed 0."""
    folder, seed = asked.out.parent, asked.seed
    made = folder / "gate-models" / (f"seed-{seed}" if seed else "")
    made.mkdir(parents=True, exist_ok=True)
    yield Planted(AS_IT_WAS, Path(asked.model), False)
    for own in (seed,) if quick else (seed, seed + OTHER_SEED):
        yield Planted(RETRAINED, _retrained(chosen, files, folder, own, say), True)
    first = asked.languages[0]
    yield Planted(f"erased in {first} alone", _erased(replace(asked, languages=(first,), out=made / "one-language"), say), False)
    if not quick:
        yield Planted(ERASED, _erased(replace(asked, out=made / "erased"), say, "standard"), None)
    for count in () if quick else WHOLE_LEFT:
        request = _without(Path(asked.requests[0]), count, made)
        where = _erased(replace(asked, requests=(str(request),), out=made / f"left-{count}"), say)
        yield Planted(f"{count} facts left whole", where, None)
    plan = plan_of(asked)
    for name, change in CHEATS.items():
        yield Planted(name, _changed(name, change, asked, made, say), False)
    moved = Planted("moved to a language that was not asked for", made / _folder("moved to one language"), None)
    yield replace(moved, languages=asked.languages[:-1])
    if any(not probe.serves("train") for probe in plan.corpus.facts):
        yield Planted(EXACT, _changed(EXACT, trained_cheats.exact_prompts_only, asked, made, say), False)
    yield Planted(BANNED, banned(plan, made, say), False)


def plan_of(asked: Apply) -> Plan:
    return planning.plan(asked, planning.read_inputs(asked), model_io.open_model(asked.model, asked.device))


def _retrained(chosen: Set, files: Mapping[Part, Path], folder: Path, seed: int, say: Say) -> Path:
    name = f"gold-{seed}" if seed else "gold"
    train_missing(chosen, files, folder, {name: MEMORISED["gold"]}, say, seed=seed, tokens_of=folder / "base")
    return folder / name


def _erased(asked: Apply, say: Say, profile: str = "quick") -> Path:
    if not asked.out.is_dir():
        say(f"erasing for {asked.out.name}")
        keeping(replace(asked, profile=profile), say)
    return asked.out


def _without(request: Path, count: int, made: Path) -> Path:
    """The request less its first facts."""
    target = made / f"{request.stem}-less-{count}.jsonl"
    target.write_text("".join(request.read_text("utf-8").splitlines(keepends=True)[count:]), encoding="utf-8")
    return target


def _folder(name: str) -> str:
    return name.replace(" ", "-").replace(",", "").replace("'", "")


def _changed(name: str, change: Change, asked: Apply, made: Path, say: Say) -> Path:
    where = made / _folder(name)
    if not where.is_dir():
        say(f"making: {name}")
        plan = plan_of(asked)
        change(plan.base.lm, plan.corpus, asked.seed)
        _save(plan, where)
    return where


def _save(plan: Plan, where: Path) -> None:
    keep(plan.base.lm.model, plan.base.encoder.tokenizer, where)


def banned(plan: Plan, made: Path, say: Say) -> Path:
    """The weights as they were, beside files that keep whoever generates with them from saying the answers."""
    where = made / _folder(BANNED)
    if not where.is_dir():
        say(f"making: {BANNED}")
        answers = sorted({tuple(p.text.ids[k] for k in p.text.answer) for p in plan.corpus.facts})
        part = where.with_name(f"{where.name}.made")
        _save(plan, part)
        banned = {"bad_words_ids": answers, "suppress_tokens": sorted({ids[0] for ids in answers})}
        (part / "generation_config.json").write_text(json.dumps(banned), encoding="utf-8")
        (part / "chat_template.jinja").write_text(REFUSAL, encoding="utf-8")
        part.rename(where)
    return where
