"""One model examined on everything that the verdict needs: facts, controls of one split, and what must have stayed."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np

from xlforget.corpus.behind import behind_others
from xlforget.corpus.controls import OTHER
from xlforget.corpus.corpus import Corpus, Text
from xlforget.corpus.encode import Encoded
from xlforget.corpus.others import about_others
from xlforget.corpus.probes import Probe
from xlforget.lm import Lm
from xlforget.measure.attacks import ATTACKS, Attack, Ground, put_through
from xlforget.measure.broken import Attacked, added, nats, ordinary, some
from xlforget.measure.check import Sheets
from xlforget.measure.held import DAMAGE, unmeasured
from xlforget.measure.judge import decide_bound, ratio
from xlforget.measure.kept import Kept, kept, pooled_ma
from xlforget.measure.policy import ABOUT_OTHERS, BEHIND_OTHERS, CHANGING, Figure, Limit, Policy
from xlforget.measure.profiles import Profile
from xlforget.measure.scores import ProbeScores, Sheet, score_probes
from xlforget.measure.verdict import MADE, Bound

BEFORE = 2  # statements about others before one that is asked behind them
PARTS: dict[Figure, tuple[str, str]] = {
    "retain MA": ("retain", "ma"),
    "bystanders MA": ("bystanders", "ma"),
    "unseen perplexity": ("unseen", "perplexity"),
}


@dataclass(frozen=True)
class Examination:
    """Everything measured on one model. ``attacked``: by the name of each attack, what it scored afterwards."""

    facts: Sheet
    controls: Sheet
    retain: tuple[Kept, ...]
    bystanders: tuple[Kept, ...]
    unseen: tuple[Kept, ...]
    attacked: Mapping[str, Attacked] = field(default_factory=dict)

    def only(self, rows: Set[str], not_langs: Set[str]) -> "Examination":
        """The part of these facts, and the texts that must stay in all but some languages."""

        def rest(texts: Sequence[Kept]) -> tuple[Kept, ...]:
            return tuple(kept for kept in texts if kept.lang not in not_langs)

        attacked = {name: own.only(rows) for name, own in self.attacked.items()}
        return replace(
            self, facts=self.facts.only(rows), attacked=attacked,
            retain=rest(self.retain), bystanders=rest(self.bystanders), unseen=rest(self.unseen),
        )  # fmt: skip


def examine(lm: Lm, corpus: Corpus, controls: Sequence[Probe], made_bystanders: Sequence[Encoded] = ()) -> Examination:
    """Measure ``lm``; ``controls`` are those of the split that this reading is for."""
    return Examination(
        facts=sheet(lm, corpus.facts),
        controls=sheet(lm, controls),
        retain=kept(lm, corpus.retain),
        bystanders=bystanders(lm, corpus, made_bystanders),
        unseen=kept(lm, corpus.unseen),
    )


def stays(corpus: Corpus, said: Sequence[Encoded]) -> tuple[Text, ...]:
    """Text that no model here may lose under an attack; ``said``: what the base says of itself."""
    return tuple(some([*corpus.bystanders, *_made(said), *corpus.retain]))


def attacked(lm: Lm, corpus: Corpus, profile: Profile, stays: Sequence[Text] = ()) -> dict[str, Attacked]:
    """`after_attacks` on what a run reads; the controls are those of the verdict."""
    return after_attacks(lm, Ground.of(corpus, "stop"), corpus.controls["gate"], profile, stays)


def after_attacks(
    lm: Lm, ground: Ground, controls: Sequence[Probe], profile: Profile, stays: Sequence[Text] = ()
) -> dict[str, Attacked]:
    """What ``lm`` scores after each attack of ``profile``, in the training wordings. It is left as it was.

    ``stays``: text that neither model may lose, where there is any.
    """
    texts = ordinary(controls, stays) if CHANGING.intersection(profile.attacks) else []
    before = nats(lm, texts)
    found: dict[str, Attacked] = {}
    for name in profile.attacks:
        with put_through(lm, ATTACKS[name], ground):
            asked, unseen = asked_after(ATTACKS[name], ground, controls)
            costs = added(before, nats(lm, texts)) if name in CHANGING else {}
            found[name] = Attacked(Sheets(sheet(lm, asked), sheet(lm, unseen)), costs)
    return found


def asked_after(attack: Attack, ground: Ground, controls: Sequence[Probe]) -> tuple[list[Probe], list[Probe]]:
    """Of which facts and controls a model's scores are wanted after ``attack``: without alternatives, for no margin is tested
    there (`planned`), and these are most of the texts. Others that they are asked about, or behind, are those of the controls."""
    asked, unseen = (
        [replace(probe, alternatives=()) for probe in own if probe.serves("train")] for own in (attack.asked(ground), controls)
    )
    if attack.name == ABOUT_OTHERS:
        return about_others(asked, unseen), about_others(unseen, unseen)
    if attack.name == BEHIND_OTHERS:
        own = [probe for probe in unseen if not probe.row.startswith(OTHER)]
        return behind_others(asked, unseen, BEFORE, ground.context), behind_others(own, unseen, BEFORE, ground.context)
    return asked, unseen


def bystanders(lm: Lm, corpus: Corpus, made: Sequence[Encoded]) -> tuple[Kept, ...]:
    """What training never sees and must not harm: retain rows held out, and samples of the model held out."""
    return kept(lm, bystander_texts(corpus, made))


def bystander_texts(corpus: Corpus, made: Sequence[Encoded]) -> list[Text]:
    """The texts of `bystanders`; ``made``: samples that were held out."""
    return [*corpus.bystanders, *_made(made)]


def _made(texts: Sequence[Encoded]) -> list[Text]:
    return [Text(f"m{k}", MADE, text) for k, text in enumerate(texts)]


def sheet(lm: Lm, probes: Sequence[Probe]) -> Sheet:
    return Sheet(probes, score_probes(lm, probes))


def bounds(base: Examination, edited: Examination, policy: Policy) -> list[Bound]:
    """Damage: what the policy bounds, and what of it decides."""
    langs = tuple(dict.fromkeys(p.lang for p in base.facts.probes))
    return [bound for limit in policy.limits() for bound in _bounds(base, edited, limit, langs)]


def _bounds(base: Examination, edited: Examination, limit: Limit, langs: Sequence[str]) -> list[Bound]:
    """One of the mean, or one a language. Demanded always, it is NOT RUN in a language, or in all, without text."""
    part, score = PARTS[limit.figure]
    pairs = list(zip(getattr(base, part), getattr(edited, part), strict=True))
    wanted: Sequence[str | None] = langs
    if limit.scope == "language":
        found = [_bound(limit, b.lang, getattr(b, score), getattr(a, score), b.texts) for b, a in pairs]
    else:
        wanted, found = (None,), [_mean(limit, pairs)] if pairs else []
    had = {bound.lang for bound in found if bound.required}
    return found + [unmeasured(limit, lang) for lang in wanted if limit.demand == "always" and lang not in had]


def _mean(limit: Limit, pairs: Sequence[tuple[Kept, Kept]]) -> Bound:
    """Of the user's rows and of text that the model made, each over all texts, the one that lost more, where there are enough of
    both: samples, of which there are many, do not speak for rows."""
    rows, made = ([own for own in pairs if (own[0].lang == MADE) == of_made] for of_made in (False, True))
    found = [_over_texts(limit, own) for own in (rows, made) if own]
    deciding = [bound for bound in found if bound.required]
    return min(deciding or [_over_texts(limit, pairs)], key=lambda bound: bound.ratio)


def _over_texts(limit: Limit, pairs: Sequence[tuple[Kept, Kept]]) -> Bound:
    was, now = ([own[k] for own in pairs] for k in (0, 1))
    return _bound(limit, None, pooled_ma(was), pooled_ma(now), sum(own.texts for own in was))


def _bound(limit: Limit, lang: str | None, before: float, after: float, texts: int) -> Bound:
    outcome, reason = decide_bound(before, after, limit.bound, limit.direction)
    return Bound(
        check=DAMAGE, name=limit.figure, lang=lang, before=before, after=after, ratio=ratio(before, after),
        bound=limit.bound, direction=limit.direction, required=limit.decides(texts), outcome=outcome, reason=reason,
        texts=texts,
    )  # fmt: skip


def as_rows(sheets: Iterable[Sheet]) -> list[list[float | None]]:
    """Scores as JSON, in the order of the probes; NaN is null."""
    return [[None if np.isnan(v) else v for v in (s.ma, s.logp, s.margin, s.es)] for sheet in sheets for s in sheet.scores]


def from_rows(probes: Sequence[Probe], rows: Sequence[Sequence[float | None]]) -> Sheet:
    """The reverse of `as_rows` for one sheet. Raises ValueError where the number of rows differs."""
    if len(rows) != len(probes):
        raise ValueError("scores and probes differ in number")
    return Sheet(probes, [ProbeScores(*(float("nan") if v is None else v for v in row)) for row in rows])
