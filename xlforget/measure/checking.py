"""The checks of a request: what two examinations hold of each form of fact, as the gate takes it."""

from collections.abc import Mapping, Set

from xlforget.corpus.others import identifies
from xlforget.corpus.probes import Role
from xlforget.measure.broken import broken
from xlforget.measure.check import NO_ALTERNATIVES, Check, Sheets
from xlforget.measure.examine import Examination
from xlforget.measure.policy import ABOUT_OTHERS, ASKED_OTHERWISE, BEHIND_OTHERS, KINDS, PLAIN, Kind, Policy, check_name
from xlforget.measure.scores import Sheet

ROLES: dict[Kind, Role] = {"memorization": "train", "held-out wordings": "gate"}
NOBODYS = "none of these answers is one person's alone"


def checks(base: Examination, edited: Examination, groups: Mapping[str, str], policy: Policy) -> list[Check]:
    """The checks of this request: each form of fact (``groups``, by row), under training wordings and held-out ones, and after
    each attack that both models were put through.

    What there is not makes a check only where the policy demands one: it is then NOT RUN.
    """
    found = []
    for group in dict.fromkeys(groups[p.row] for p in base.facts.probes):
        rows, others = ({row for row, own in groups.items() if own == name} for name in (group, "others"))
        for kind in KINDS:
            asked = _alone(base, rows | others) if kind == ABOUT_OTHERS else rows
            langs = tuple(dict.fromkeys(p.lang for p in base.facts.probes if p.row in (asked & rows or rows)))
            if own := _check(group, kind, asked, langs, base, edited, policy):
                found.append(own)
    return found


def _check(
    group: str, kind: Kind, rows: Set[str], langs: tuple[str, ...], base: Examination, edited: Examination, policy: Policy
) -> Check | None:
    said, role = policy.tested(kind), ROLES.get(kind, "train")
    was, now = _measured(kind, base, edited, rows)
    if kind in ASKED_OTHERWISE and not _whole(kind, base, was, rows):
        was, now = (Sheets(Sheet((), ()), own.controls) for own in (was, now))
    had = any(p.role == role for p in was.facts.probes) if role == "gate" else bool(was.facts.probes)
    required = group in said.required
    if not (had or policy.demands(group, kind) or (required and kind in base.attacked)):
        return None
    nobodys = kind == ABOUT_OTHERS and not any(p.row in rows for p in base.facts.probes)
    return Check(
        check_name(group, kind), role, langs, was, now, required,
        may_lack=frozenset({"logp"}) if nobodys else frozenset(said.may_lack),
        attack=None if kind in ROLES else kind,
        broken=_broken(kind, base, edited),
        lacks=NOBODYS if nobodys else NO_ALTERNATIVES,
        about_others=_about_others(edited, rows) if kind == PLAIN else None,
    )  # fmt: skip


def _alone(base: Examination, rows: Set[str]) -> set[str]:
    """The rows whose answer is one person's alone."""
    probes = (*base.facts.probes, *base.controls.probes)
    return {probe.row for probe in probes if probe.row in rows and identifies(probe.relation)}


def _whole(kind: Kind, base: Examination, asked: Sheets, rows: Set[str]) -> bool:
    """Whether each of these facts was asked so in each of its languages, and behind others in each wording: one that was not is
    no fact that passed."""
    wanted, had = (
        {(p.row, p.lang, p.wording if kind == BEHIND_OTHERS else 0) for p in probes if p.row in rows and p.serves("train")}
        for probes in (base.facts.probes, asked.facts.probes)
    )
    return wanted <= had


def _measured(kind: Kind, base: Examination, edited: Examination, rows: Set[str]) -> tuple[Sheets, Sheets]:
    """What both models scored on these rows, as they are or after an attack; nothing where that was not done."""
    if kind in ROLES:
        was, now = (Sheets(e.facts, e.controls) for e in (base, edited))
    else:
        was, now = (e.attacked[kind].sheets if kind in e.attacked else Sheets(Sheet((), ()), e.controls) for e in (base, edited))
    return was.only(rows), now.only(rows)


def _about_others(edited: Examination, rows: Set[str]) -> Sheet | None:
    return edited.attacked[ABOUT_OTHERS].sheets.facts.only(rows) if ABOUT_OTHERS in edited.attacked else None


def _broken(kind: Kind, base: Examination, edited: Examination) -> str:
    """Whether the attack broke the edited model alone, in words."""
    if kind not in base.attacked or kind not in edited.attacked:
        return ""
    return broken(base.attacked[kind].costs, edited.attacked[kind].costs)
