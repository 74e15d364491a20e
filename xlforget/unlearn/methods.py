"""Methods as named presets over one set of parts; the engine knows no method by name."""

from dataclasses import dataclass, replace
from typing import Literal

from xlforget.errors import UsageError


@dataclass(frozen=True)
class Method:
    """How to unlearn. Counts are of sentences, rates of AdamW; ``rounds`` of ``steps_per_round`` steps at most.

    ``forget``: "toward" leads each answer token to the level of an unseen one (Huber, both sides); "ascent" is the negated
    mean token NLL (arXiv 2406.12354). ``alternate``: a forget step, then a retain step, instead of one joint step.
    ``kappa`` None: the teacher's probability of the right next token; a number: that constant.

    ``retain_least``, ``retain_most``: what retain text weighs beside the answers. It is as large as forgetting allows:
    after the share ``due`` of a first cycle's rounds the answers are to be no further from their levels than ``near`` times
    these levels' spread, and half of that after each cycle (`balance`).
    """

    name: str
    forget: Literal["toward", "ascent"] = "toward"
    alternate: bool = False
    kappa: float | None = None
    lr: float = 1.5e-3
    warmup: int = 10
    rounds: int = 16
    steps_per_round: int = 10
    live_pairs: int = 64
    retain_tokens: int = 2000
    made_share: float = 0.5
    retain_least: float = 2.0
    retain_most: float = 32.0
    due: float = 0.5
    near: float = 0.25
    context_weight: float = 1.0
    rest: float = 0.3
    mend: float = 0.5
    clip: float = 1.0
    beta2: float = 0.99

    def made_tokens(self, *, given: bool) -> int:
        """How many tokens of made text a first cycle reads, beside rows of the user's or alone."""
        return int(self.rounds * self.steps_per_round * self.retain_tokens * (self.made_share if given else 1.0))


METHODS = {
    "adaptive": Method("adaptive"),
    "lingtea": Method(
        "lingtea",
        forget="ascent",
        alternate=True,
        lr=5e-4,
        context_weight=0.0,
        retain_tokens=2000,
        made_share=0.0,
        retain_least=1.0,
        retain_most=1.0,
    ),
}


def method(name: str, **changes: object) -> Method:
    """The preset of that name, with options changed. Raises UsageError for a name that is none."""
    if name not in METHODS:
        raise UsageError(f"There is no method {name!r}.", do=f"Choose one of: {', '.join(METHODS)}.", code="UNKNOWN_METHOD")
    return replace(METHODS[name], **{k: v for k, v in changes.items() if v is not None})  # type: ignore[arg-type]


def parse_kappa(text: str | None) -> float | None:
    """``adaptive`` and nothing are None; else a constant. Raises UsageError for what is not a number from 0 to 1."""
    if text in (None, "adaptive"):
        return None
    try:
        value = float(str(text))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError("--kappa is `adaptive` or a number from 0 to 1.", code="KAPPA")
    return value
