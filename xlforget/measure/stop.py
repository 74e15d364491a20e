"""When training may stop, judged on controls that the verdict is not taken from and that no level was drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xlforget.corpus.corpus import Corpus, Text
from xlforget.lm import Lm
from xlforget.measure.attacks import Ground
from xlforget.measure.broken import Attacked
from xlforget.measure.check import Check, Sheets
from xlforget.measure.checking import checks
from xlforget.measure.examine import Examination, after_attacks, sheet
from xlforget.measure.gate import test_checks
from xlforget.measure.kept import kept, pooled_ma
from xlforget.measure.policy import AfterAttack, Policy
from xlforget.measure.profiles import Profile
from xlforget.measure.verdict import Outcome

# Far stricter than the gate: a run that stops here should pass there. After an attack as strict as the gate: to go on costs time
# and other knowledge, and is not to be done for what chance brings.
ALPHA, BACK = 0.1, 0.01
RETAIN = 0.985
# The attack that training can do something about, where it brings the facts back.
TRIED: AfterAttack = "after other text"
# Of the forms, the one whose facts have been seen to come back.
SENTENCES = frozenset({"sentence"})


@dataclass(frozen=True)
class StopRule:
    """Judges a model in training. ``reference``: the model before, on the facts and the *stop* controls.

    ``asked``: in what other ways the verdict will ask, which is done here, too. ``tried``: the attack that the verdict will be
    taken after and that is tried here first, if there is one; ``stays``: text that neither model may lose under it.
    """

    reference: Examination
    corpus: Corpus
    policy: Policy
    asked: Profile
    tried: tuple[AfterAttack, ...]
    stays: Sequence[Text]

    @classmethod
    def of(
        cls, base: Lm, corpus: Corpus, before: Examination, policy: Policy, profile: Profile, stays: Sequence[Text]
    ) -> "StopRule":
        """Measures ``base`` on these controls now, so it must be called before training changes the model."""
        reference = replace(before, controls=sheet(base, corpus.controls["stop"]))
        asked = profile.unchanged
        tried = to_try(corpus, policy, profile)
        # What the attack costs the model before is known; what the facts score there is what they scored without it.
        sheets = Sheets(reference.facts, reference.controls)
        attacked: dict[str, Attacked] = {name: Attacked(sheets, before.attacked[name].costs) for name in tried}
        attacked |= _asked(base, corpus, asked)
        return cls(replace(reference, attacked=attacked), corpus, policy, asked, tried, stays)

    def reached(self, lm: Lm) -> bool:
        """No test against the controls rejects, and the retain rows are whole."""
        now = replace(
            self.reference, facts=sheet(lm, self.corpus.facts), controls=sheet(lm, self.corpus.controls["stop"]),
            attacked=_asked(lm, self.corpus, self.asked),
        )  # fmt: skip
        # Held-out wordings are for the verdict alone, whatever the policy says of them.
        compared = checks(self.reference, now, self.corpus.groups, self.policy)
        own = [check for check in compared if check.plain or (check.required and check.attack in self.asked.attacks)]
        return _passes(own, ALPHA) and pooled_ma(kept(lm, self.corpus.retain)) >= RETAIN * pooled_ma(self.reference.retain)

    def comes_back(self, lm: Lm) -> bool:
        """Whether a test rejects after the attack, or the attack breaks the model. It trains on *aim* controls, so that what the
        verdict is taken after stays unseen."""
        if not self.tried:
            return False
        ground, controls = Ground.of(self.corpus, "aim"), self.corpus.controls["stop"]
        found = after_attacks(lm, ground, controls, Profile("tried", self.tried), self.stays)
        compared = checks(self.reference, replace(self.reference, attacked=found), self.corpus.groups, self.policy)
        own = [check for check in compared if check.attack in self.tried and check.required]
        return any(check.broken for check in own) or not _passes(own, BACK)


def _asked(lm: Lm, corpus: Corpus, asked: Profile) -> dict[str, Attacked]:
    """What the model says where it is asked otherwise, beside what it says of *stop* controls there."""
    return after_attacks(lm, Ground.of(corpus, "aim"), corpus.controls["stop"], asked)


def _passes(own: Sequence[Check], alpha: float) -> bool:
    return not any(test.outcome is Outcome.FAIL for test in test_checks(own, alpha, seed=1))


def to_try(corpus: Corpus, policy: Policy, profile: Profile) -> tuple[AfterAttack, ...]:
    """The attack to try in training: one that the verdict on sentences will be taken after."""
    decides = SENTENCES & {corpus.groups.get(probe.row) for probe in corpus.facts} & {*policy.tested(TRIED).required}
    return tuple(name for name in profile.attacks if name == TRIED and decides)
