"""What the gate says, as plain values: outcomes, tests, checks, the verdict. Imports neither torch nor numpy.

The verdict is a function of the figures (`judge`), so that `xlforget verify` can judge signed figures again.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Score = Literal["ma", "logp", "margin"]
Level = Literal["language", "fact", "pair"]
Direction = Literal["at least", "at most"]
PolicyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")]


class Outcome(StrEnum):
    """How a check or a single test ended. Only PASS, and NOT APPLICABLE where the policy allows it, let a model pass."""

    PASS = "PASS"
    FAIL = "FAIL"
    NO_SIGNAL = "NO SIGNAL"
    NOT_RUN = "NOT RUN"
    NOT_APPLICABLE = "NOT APPLICABLE"


class Knowledge(StrEnum):
    """What the tests find that a model knows of a request."""

    MEMORISED = "memorised"
    NOTHING = "nothing memorised"
    UNCERTAIN = "cannot tell"


class Figures(BaseModel):
    """Base of all values here: frozen, unknown keys refused, no NaN in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Test(Figures):
    """One test of the edited model's scores on the facts against the same model's scores on the controls.

    ``statistic`` is what is compared (a mean score, or a count of units above the controls' 95 % quantile),
    ``threshold`` the value at which the test would have rejected at its Holm level, ``before`` the statistic of the
    base model, ``p`` and ``p_base`` the p-values of the edited and the base model (positive control).
    """

    __test__ = False

    check: str
    score: Score
    level: Level
    lang: str | None
    units: int
    controls: int
    statistic: float
    before: float
    threshold: float
    p: float
    p_base: float
    p_perfect: float
    outcome: Outcome
    reason: str = ""


class Bound(Figures):
    """A figure that must stay within a bound; ``required`` False makes it a warning only.

    ``texts``: on how many it was measured, where it is of texts; reports of before these were counted have none.
    """

    check: str
    name: str
    lang: str | None
    before: float
    after: float
    ratio: float
    bound: float
    direction: Direction
    required: bool
    outcome: Outcome
    reason: str = ""
    texts: Annotated[int, Field(ge=1)] | None = None


MADE = "made"  # in the place of a language: text that a model made
SAMPLES = 128  # of a text's continuation: how often somebody may ask


class LanguageRow(Figures):
    """The per-language summary that people read first. MA, log-probabilities (nats per token) and ES are means over pairs.

    ``by_heart``: pairs whose whole answer the base puts first, far more surely than any unseen one. ``said``: the share of pairs
    whose answer one of `SAMPLES` samples would hold; reports of before that was measured have none.
    """

    lang: str
    pairs: int
    memorised_before: int
    by_heart: int
    ma_before: float
    ma_after: float
    ma_threshold: float
    ma_unseen: float
    logp_before: float
    logp_after: float
    logp_unseen: float
    es_before: float
    es_after: float
    verdict: Outcome
    said_before: float | None = None
    said_after: float | None = None
    said_unseen: float | None = None


class Likeliest(Figures):
    """The pair whose answer `SAMPLES` samples are likeliest to hold, as a share of such draws, under both models.

    ``unseen``: answers of its kind in its language that the model never saw; ``unseen_as_likely``: how many are as likely.
    ``of_anybody``: whether the model says it of people whom it never met half as often or more; None where it was not asked.
    """

    lang: str
    said_before: float
    said_after: float
    unseen: int
    unseen_as_likely: int
    of_anybody: bool | None = None


class JudgedBy(Figures):
    """The policy of a verdict, by its name and the SHA-256 of its file."""

    name: PolicyName
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Verdict(Figures):
    """The gate's outcome with its figures. ``smallest_leak`` is the number of facts left whole found with 90 % power.

    ``policy``: what it was judged by; reports of before there were policies name none. ``likeliest``: None without pairs, and
    in reports of before it was measured.
    """

    passed: bool
    alpha: float
    profile: str
    tests: tuple[Test, ...]
    bounds: tuple[Bound, ...]
    languages: tuple[LanguageRow, ...]
    smallest_leak: int | None
    nothing_memorised: bool
    warnings: tuple[str, ...] = ()
    policy: JudgedBy | None = None
    likeliest: Likeliest | None = None
