"""A model beside the one before it: both examined on the same texts and after the same attacks, then put to the gate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xlforget.corpus.corpus import Text
from xlforget.corpus.encode import Encoded
from xlforget.lm import Lm
from xlforget.measure import checking, examine
from xlforget.measure.broken import SOME_ROWS
from xlforget.measure.check import Check
from xlforget.measure.examine import Examination
from xlforget.measure.gate import gate
from xlforget.measure.profiles import Profile
from xlforget.measure.verdict import Bound, Verdict
from xlforget.planning import Plan
from xlforget.unlearn.made import said


@dataclass(frozen=True)
class Comparison:
    """``before``: what the plan's own model scored. Any number of models are held against it, each examined once."""

    plan: Plan
    tested: Profile
    seed: int
    stays: tuple[Text, ...]
    before: Examination

    @classmethod
    def of(cls, plan: Plan, tested: Profile, seed: int) -> "Comparison":
        """Examines the plan's model."""
        lm = plan.base.lm
        stays = stays_of(lm, plan, tested, seed)
        return cls(plan, tested, seed, stays, examined(lm, plan, tested, stays))

    def examine(self, lm: Lm) -> Examination:
        """``lm`` as the model before was examined. It is left as it was."""
        return examined(lm, self.plan, self.tested, self.stays)

    def verdict(self, after: Examination, tested: Profile | None = None) -> Verdict:
        """By the comparison's profile, or by one that makes fewer attacks."""
        tested = tested or self.tested
        before, after = (_after(found, tested) for found in (self.before, after))
        checks, bounds = compared(before, after, self.plan)
        return gate(checks, bounds, self.plan.policy, profile=tested.name, seed=self.seed)


def _after(found: Examination, tested: Profile) -> Examination:
    return replace(found, attacked={name: own for name, own in found.attacked.items() if name in tested.attacks})


def stays_of(base: Lm, plan: Plan, tested: Profile, seed: int) -> tuple[Text, ...]:
    """What an attack must leave; nothing where none is made."""
    if not tested.attacks:
        return ()
    return examine.stays(plan.corpus, said(base, plan.base.encoder.tokenizer, plan.corpus, SOME_ROWS, seed))


def examined(lm: Lm, plan: Plan, tested: Profile, stays: Sequence[Text], made: Sequence[Encoded] = ()) -> Examination:
    """All that the gate reads of a model, as it is and after the attacks of the profile."""
    found = examine.examine(lm, plan.corpus, plan.corpus.controls["gate"], made)
    return replace(found, attacked=examine.attacked(lm, plan.corpus, tested, stays))


def compared(before: Examination, after: Examination, plan: Plan) -> tuple[list[Check], list[Bound]]:
    """What the policy makes of two examinations: checks of the facts, and bounds on damage."""
    return checking.checks(before, after, plan.corpus.groups, plan.policy), examine.bounds(before, after, plan.policy)
