"""Methods as named presets over one set of parts; the engine knows no method by name."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

from xlforget.errors import UsageError
from xlforget.unlearn.curriculum import Sampling

Forget = Literal["toward", "ascent", "npo", "simnpo", "lower", "steer", "learn"]
Retain = Literal["adaptive", "released", "text", "activations"]


@dataclass(frozen=True)
class Method:
    """How to unlearn. Counts are of sentences, rates of AdamW; a cycle has ``rounds`` of ``steps_per_round`` steps, and more
    where each of many pairs would be visited fewer than ``visits`` times (None: no more). ``lr`` suits a model of ``width``: the
    wider one is, the less (None: it is taken as it is).

    ``forget``, of the answers' tokens:
    "toward" leads each to the level of an unseen one (Huber, both sides); "ascent" is the negated mean NLL (arXiv 2406.12354);
    "npo" is -2/beta log sigmoid(beta (NLL - NLL of the model as it was)), arXiv 2404.05868; "simnpo" the same with the mean NLL
    and no reference (arXiv 2410.07163, margin 0); "lower" imitates the teacher with ``beta`` taken off the token's logit
    (UNDIAL, arXiv 2402.10052); "steer" leads a layer's activations to a random direction, ``beta`` times as long as they are
    (RMU, arXiv 2403.03218, length as in arXiv 2408.06223); "learn" is the mean NLL.

    ``retain``: "adaptive" is kappa * KL + (1 - kappa) * NLL of the user's rows, both means over tokens; "released" has the KL
    summed over tokens and averaged over texts, and kappa from the token before, as the code released with arXiv 2406.12354
    does; "text" is the NLL; "activations" keeps a layer's as they were; None: there is no such term. Text that was made, and
    stands in where the user gives no rows, is imitated. ``kappa`` None: the teacher's probability of the right next token (or
    as released); a number: that constant.

    ``alternate``: a forget step, then a retain step, instead of one joint step. ``layer``: which one is steered, as a share of
    the depth. ``alphas``: the weights become the base's less alpha times what was learned, with the first alpha at which the
    run may stop, else that which brings answers closest to their levels (arXiv 2212.04089).

    ``told``: from so many beginnings of each text of the facts the model goes on, and every second visit of a pair goes to what
    it says of the fact there (`told`).

    ``hardened``: answers are led to their levels also where other facts have just been learned again (`hardening`).

    ``retain_least``, ``retain_most``: what retain text weighs beside the answers. It is as large as forgetting allows:
    after the share ``due`` of a first cycle's rounds the answers are to be no further from their levels than ``near`` times
    these levels' spread, and half of that after each cycle that is not against other text (`balance`).
    """

    name: str
    forget: Forget = "toward"
    retain: Retain | None = "adaptive"
    sampling: Sampling = "live"
    alternate: bool = False
    kappa: float | None = None
    beta: float | None = None
    layer: float | None = None
    alphas: tuple[float, ...] = ()
    lr: float = 1.5e-3
    width: int | None = 128
    warmup: int = 10
    rounds: int = 16
    visits: int | None = 32
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
    told: int = 8
    hardened: bool = False

    @property
    def has_kappa(self) -> bool:
        return self.retain in ("adaptive", "released")

    @property
    def asks_confidence(self) -> bool:
        """Whether a teacher's probability of the right next token counts, for the user's rows."""
        return self.retain == "adaptive" and self.kappa is None

    @property
    def asks_answers(self) -> bool:
        """Whether the teacher is asked what it says of the answers."""
        return self.forget == "lower"

    @property
    def can_be_hardened(self) -> bool:
        """Whether it leads answers to a level, which they can be led to elsewhere too."""
        return self.forget == "toward"

    @property
    def falls(self) -> bool:
        """Whether it can only make answers less likely: what is below its level gains nothing from more of it."""
        return self.forget not in ("toward", "learn")

    def sized(self, pairs: int, width: int) -> "Method":
        """The same for so many pairs and a model of this width: steps grow as pairs do, and no faster; Adam's rate falls as the
        width grows, so that a step moves what a layer puts out by as much (arXiv 2203.03466, table 3)."""
        wanted = -(-(self.visits or 0) * pairs // (self.live_pairs * self.steps_per_round))
        slower = min(1.0, self.width / width) if self.width else 1.0
        return replace(self, rounds=max(self.rounds, wanted), visits=None, lr=slower * self.lr, width=None)

    def made_tokens(self, *, given: bool) -> int:
        """How many tokens of made text a first cycle reads, beside rows of the user's or alone."""
        return int(self.rounds * self.steps_per_round * self.retain_tokens * (self.made_share if given else 1.0))


def _plain(name: str, forget: Forget, retain: Retain | None, *, weight: float = 1.0, lr: float, **parts: object) -> Method:
    """A method with a forget and a retain term of constant weight and nothing else, as its paper has it."""
    plain = Method(
        name, forget, retain, lr=lr, context_weight=0.0, made_share=0.0, retain_least=weight, retain_most=weight, told=0
    )
    return replace(plain, retain_tokens=plain.retain_tokens if retain else 0, **parts)  # type: ignore[arg-type]


METHODS = {
    one.name: one
    for one in (
        Method("adaptive"),
        _plain("lingtea", "ascent", "adaptive", lr=5e-4, alternate=True),
        _plain("lingtea-released", "ascent", "released", lr=5e-4, alternate=True),
        _plain("gradient-ascent", "ascent", None, lr=5e-4),
        _plain("gradient-difference", "ascent", "text", weight=4.0, lr=5e-4),
        _plain("npo", "npo", "text", weight=4.0, lr=5e-4, beta=0.1),
        _plain("simnpo", "simnpo", "text", weight=4.0, lr=5e-4, beta=1.0),
        _plain("undial", "lower", "text", lr=1e-3, beta=10.0),
        _plain("rmu", "steer", "activations", weight=20.0, lr=5e-3, beta=5.0, layer=0.5),
        _plain("task-vector", "learn", None, lr=5e-4, alphas=(0.25, 0.5, 1.0, 2.0, 4.0, 8.0)),
    )
}


def method(name: str, *, kappa: str | None = None, **changes: object) -> Method:
    """The preset of that name, with options changed. Raises UsageError for a name that is none, and for options it has not."""
    if name not in METHODS:
        raise UsageError(f"There is no method {name!r}.", do=f"Choose one of: {', '.join(METHODS)}.", code="UNKNOWN_METHOD")
    preset, own = METHODS[name], {k: v for k, v in changes.items() if v is not None}
    if "rounds" in own:
        own["visits"] = None  # what was asked for, and no more
    if "lr" in own:
        own["width"] = None
    if own.get("sampling", preset.sampling) not in get_args(Sampling):
        known = ", ".join(get_args(Sampling))
        raise UsageError(f"There is no sampling {own['sampling']!r}.", do=f"Choose one of: {known}.", code="UNKNOWN_SAMPLING")
    if own.get("hardened") and not preset.can_be_hardened:
        raise UsageError(f"The method {name} cannot be hardened.", do="Leave --harden out, or use adaptive.", code="HARDEN")
    if kappa is not None and not preset.has_kappa:
        having = ", ".join(one.name for one in METHODS.values() if one.has_kappa)
        raise UsageError(f"The method {name} has no kappa.", do=f"Leave --kappa out; these have one: {having}.", code="KAPPA")
    return replace(preset, kappa=parse_kappa(kappa), **own)  # type: ignore[arg-type]


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
