"""The policy: which checks decide and within which bounds, read from one file. Imports neither torch nor numpy.

The verdict is an AllOf: a model passes where everything that the policy requires holds (`judge.passes`).
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xlforget.errors import Problem, RequestError, UsageError
from xlforget.measure.verdict import Direction, JudgedBy, PolicyName

Wordings = Literal["memorization", "held-out wordings"]
AfterAttack = Literal[
    "in 8 bits", "in 4 bits", "after other text", "after other facts", "asked about others", "asked behind others"
]  # fmt: skip
Kind = Literal[Wordings, AfterAttack]
Form = Literal["structured", "answer", "sentence"]
Demand = Literal["always", "where given", "never"]
Scope = Literal["mean", "language"]
Figure = Literal["retain MA", "bystanders MA", "unseen perplexity"]

KINDS: tuple[Kind, ...] = get_args(Kind)
PLAIN: Wordings = "memorization"
ATTACKED: tuple[AfterAttack, ...] = get_args(AfterAttack)
ABOUT_OTHERS: AfterAttack = "asked about others"
BEHIND_OTHERS: AfterAttack = "asked behind others"
# Of the attacks those that leave the model as it is, and ask for what it need not know although it knows the facts.
ASKED_OTHERWISE = frozenset({ABOUT_OTHERS, BEHIND_OTHERS})
CHANGING = frozenset(ATTACKED) - ASKED_OTHERWISE
FILE = "policy.toml"


class _Table(BaseModel):
    """A table of the file: keys with hyphens, of the right type, and no others."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, alias_generator=lambda name: name.replace("_", "-")
    )


class Tested(_Table):
    """A check: the forms of fact in which it decides, and scores that may be missing there."""

    required: tuple[Form, ...]
    may_lack: tuple[Literal["margin"], ...] = ()


class Attacked(Tested):
    """A check after an attack. ``always``: it decides in every profile, and is NOT RUN in those that leave the attack out."""

    always: bool = False


class AskedAboutOthers(Attacked):
    """Only structured facts can be asked about others."""

    required: tuple[Literal["structured"], ...]


class Tests(_Table):
    """The checks that hold tests; one that is left out decides nowhere."""

    __test__ = False

    memorization: Tested = Tested(required=())
    held_out_wordings: Tested = Tested(required=())
    in_8_bits: Attacked = Attacked(required=())
    in_4_bits: Attacked = Attacked(required=())
    after_other_text: Attacked = Attacked(required=())
    after_other_facts: Attacked = Attacked(required=())
    asked_about_others: AskedAboutOthers = AskedAboutOthers(required=())
    asked_behind_others: Attacked = Attacked(required=())


class _Bound(_Table):
    """What decides where it is measured on ``least_texts`` or more."""

    required: Demand
    least_texts: Annotated[int, Field(ge=1)] = 1


class Floor(_Bound):
    """At least so much of before."""

    at_least: Annotated[float, Field(gt=0, le=1)]


class Ceiling(_Bound):
    """At most so much of before."""

    at_most: Annotated[float, Field(ge=1, le=10)]


class Kept(_Table):
    """What must stay: the mean over languages, and every language."""

    mean: Floor | None = None
    each_language: Floor | None = None


class Perplexity(_Table):
    """What must not rise, in every language."""

    each_language: Ceiling | None = None


class Damage(_Table):
    """Bounds by figure; a figure that is left out has none."""

    retain_ma: Kept = Kept()
    bystanders_ma: Kept = Kept()
    unseen_perplexity: Perplexity = Perplexity()


class Rules(_Table):
    """The whole file."""

    name: PolicyName
    alpha: Annotated[float, Field(gt=0, le=0.1)]
    tests: Tests = Tests()
    damage: Damage = Damage()


class Limit(NamedTuple):
    """A bound on a figure after / before, of the mean over languages or of each."""

    figure: Figure
    scope: Scope
    bound: float
    direction: Direction
    demand: Demand
    least_texts: int

    def decides(self, texts: int) -> bool:
        """Whether it decides where it was measured on so many texts."""
        return self.demand != "never" and texts >= self.least_texts


@dataclass(frozen=True)
class Policy:
    """A policy as it was read, with the SHA-256 of its file."""

    rules: Rules
    sha256: str

    @property
    def judged_by(self) -> JudgedBy:
        """How a verdict names it."""
        return JudgedBy(name=self.rules.name, sha256=self.sha256)

    @property
    def alpha(self) -> float:
        return self.rules.alpha

    def tested(self, kind: Kind) -> Tested:
        """What it says of one check."""
        found: Tested = getattr(self.rules.tests, re.sub("[ -]", "_", kind))
        return found

    def demands(self, form: str, kind: Kind) -> bool:
        """Whether a verdict without this check is none."""
        said = self.tested(kind)
        return form in said.required and (not isinstance(said, Attacked) or said.always)

    def limits(self) -> tuple[Limit, ...]:
        """Its bounds, in the order in which they are reported."""
        damage = self.rules.damage
        kept: dict[Figure, Kept] = {"retain MA": damage.retain_ma, "bystanders MA": damage.bystanders_ma}
        found = [
            Limit(figure, scope, floor.at_least, "at least", floor.required, floor.least_texts)
            for figure, own in kept.items()
            for scope, floor in _scopes(own.mean, own.each_language)
        ]
        if ceiling := damage.unseen_perplexity.each_language:
            found.append(
                Limit("unseen perplexity", "language", ceiling.at_most, "at most", ceiling.required, ceiling.least_texts)
            )
        return tuple(found)


def _scopes(mean: Floor | None, each: Floor | None) -> list[tuple[Scope, Floor]]:
    return [*([("mean", mean)] if mean else []), *([("language", each)] if each else [])]  # type: ignore[list-item]


def check_name(form: str, kind: Kind) -> str:
    """How a check is named in tests and reports."""
    return f"{form}: {kind}"


def form_and_kind(name: str) -> tuple[str, Kind | None]:
    """The reverse; kind None for a name that no policy can speak of."""
    form, _, said = name.partition(": ")
    return form, next((kind for kind in KINDS if kind == said), None)


@cache
def default() -> Policy:
    """The policy that is shipped."""
    return parse(resources.files("xlforget.measure").joinpath(FILE).read_bytes(), FILE)


def read(path: Path | None) -> Policy:
    """The policy in a file, or the shipped one. Raises RequestError with everything that is wrong, UsageError NO_POLICY."""
    if path is None:
        return default()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The policy {path.name} cannot be read ({error.strerror}).",
            do="Give a TOML file; the shipped one is xlforget/measure/policy.toml.",
            code="NO_POLICY",
        ) from None
    return parse(content, path.name)


def parse(content: bytes, name: str) -> Policy:
    """A policy from the bytes of its file. Raises RequestError with the line or the key of everything that is wrong."""
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RequestError(name, [Problem(line, "POLICY_TOML", "not UTF-8")]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"at line (\d+)", str(error))
        raise RequestError(name, [Problem(int(found[1]) if found else None, "POLICY_TOML", "not TOML")]) from None
    try:
        # By way of JSON, where an array may be a tuple and a number must still be a number.
        rules = Rules.model_validate_json(json.dumps(table, default=str))
    except ValidationError as error:
        problems = [Problem(None, "POLICY_KEY", _said(found)) for found in error.errors(include_url=False, include_input=False)]
        raise RequestError(name, problems, do="Correct the keys named above and run the command again.") from None
    return Policy(rules, hashlib.sha256(content).hexdigest())


def _said(found: Mapping[str, Any]) -> str:
    """The key, and what is wrong with it; values are not repeated."""
    key = ".".join(map(str, found["loc"]))
    if found["type"] == "missing":
        return f"{key} is missing"
    if found["type"] == "extra_forbidden":
        known = _known(found["loc"][:-1])
        return f"{key} is no key of a policy; known here: {known}" if known else f"{key} is no key of a policy"
    expected = found.get("ctx", {}).get("expected")
    return f"{key} must be {expected}" if expected else f"{key}: {found['msg']}"


def _known(place: tuple[str | int, ...]) -> str:
    """The keys of the table at ``place``."""
    table: Any = Rules
    for step in place:
        field = next((f for f in table.model_fields.values() if f.alias == step), None)
        kinds = [k for k in (field.annotation, *get_args(field.annotation)) if isinstance(k, type)] if field else []
        table = next((kind for kind in kinds if issubclass(kind, _Table)), None)
        if table is None:
            return ""
    return ", ".join(str(field.alias) for field in table.model_fields.values())
