"""How hard a model is tested: which attacks it has to stand, by the name of a profile."""

from dataclasses import dataclass

from xlforget.errors import UsageError
from xlforget.measure.attacks import Attack, Relearned, Rounded, Unrelated


@dataclass(frozen=True)
class Profile:
    """``attacks``: after each of them the facts are asked for again; the policy says which of these checks decide."""

    name: str
    attacks: tuple[Attack, ...] = ()


PROFILES = {
    one.name: one
    for one in (
        Profile("quick"),
        Profile("standard", (Rounded(4), Unrelated())),
        Profile("full", (Rounded(8), Rounded(4), Unrelated(), Relearned())),
    )
}


def profile(name: str) -> Profile:
    """Raises UsageError for a name that is none."""
    if name not in PROFILES:
        raise UsageError(f"There is no profile {name!r}.", do=f"Choose one of: {', '.join(PROFILES)}.", code="UNKNOWN_PROFILE")
    return PROFILES[name]
