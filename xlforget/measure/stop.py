"""When training may stop, judged on controls that the verdict is not taken from and that no level was drawn from."""

from collections.abc import Callable
from dataclasses import replace

from xlforget.corpus.corpus import Corpus
from xlforget.lm import Lm
from xlforget.measure.examine import Examination, checks, sheet
from xlforget.measure.gate import test_checks
from xlforget.measure.kept import kept, mean_ma
from xlforget.measure.policy import Policy
from xlforget.measure.verdict import Outcome

# Far stricter than the gate: a run that stops here should pass there.
ALPHA = 0.1
RETAIN = 0.985


def stop_rule(base: Lm, corpus: Corpus, before: Examination, policy: Policy) -> Callable[[Lm], bool]:
    """A test for the model in training: no test against the *stop* controls rejects, and the retain rows are whole.

    Measures ``base`` on these controls now, so it must be called before training changes the model.
    """
    reference = replace(before, controls=sheet(base, corpus.controls["stop"]))

    def done(lm: Lm) -> bool:
        now = replace(reference, facts=sheet(lm, corpus.facts), controls=sheet(lm, corpus.controls["stop"]))
        # Attacks and held-out wordings are for the verdict alone, whatever the policy says of them.
        own = [check for check in checks(reference, now, corpus.groups, policy) if check.plain]
        tests = test_checks(own, ALPHA, seed=1)
        whole = mean_ma(kept(lm, corpus.retain)) >= RETAIN * mean_ma(before.retain)
        return whole and not any(test.outcome is Outcome.FAIL for test in tests)

    return done
