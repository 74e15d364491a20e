"""How hard a model is tested: which attacks it has to stand, by the name of a profile. Imports neither torch nor numpy."""

from dataclasses import dataclass

from xlforget.errors import UsageError
from xlforget.measure.policy import ASKED_OTHERWISE, ATTACKED, AfterAttack


@dataclass(frozen=True)
class Profile:
    """``attacks``: after each of them the facts are asked for again; the policy says which of these checks decide.

    ``elsewhere``: whether they are asked for in languages that the run does not touch, too; that is reported.
    """

    name: str
    attacks: tuple[AfterAttack, ...] = ()
    elsewhere: bool = True

    @property
    def unchanged(self) -> "Profile":
        """The part of it that leaves the model as it is, and asks otherwise."""
        return Profile(self.name, tuple(name for name in self.attacks if name in ASKED_OTHERWISE), self.elsewhere)


PROFILES = {
    one.name: one
    for one in (
        Profile("quick", elsewhere=False),
        Profile("standard", ("in 4 bits", "after other text", "asked about others", "asked behind others")),
        Profile("full", ATTACKED),
    )
}


def profile(name: str) -> Profile:
    """Raises UsageError for a name that is none."""
    if name not in PROFILES:
        raise UsageError(f"There is no profile {name!r}.", do=f"Choose one of: {', '.join(PROFILES)}.", code="UNKNOWN_PROFILE")
    return PROFILES[name]
