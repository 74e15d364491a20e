"""How hard a model is tested: which attacks it has to stand, by the name of a profile."""

from dataclasses import dataclass

from xlforget.errors import UsageError
from xlforget.measure.attacks import Attack, Relearned, Rounded, Unrelated


@dataclass(frozen=True)
class Profile:
    """``attacks``: after each of them the facts are asked for again. ``wordings``: whether held-out wordings are gated."""

    name: str
    attacks: tuple[Attack, ...] = ()
    wordings: bool = False


PROFILES = {
    one.name: one
    for one in (
        Profile("quick"),
        Profile("standard", (Rounded(4), Unrelated())),
        Profile("full", (Rounded(8), Rounded(4), Unrelated(), Relearned()), wordings=True),
    )
}


def profile(name: str) -> Profile:
    """Raises UsageError for a name that is none."""
    if name not in PROFILES:
        raise UsageError(f"There is no profile {name!r}.", do=f"Choose one of: {', '.join(PROFILES)}.", code="UNKNOWN_PROFILE")
    return PROFILES[name]
