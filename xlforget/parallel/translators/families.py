"""The families of translation models: how each is told the languages, which tokens steer it, under what licence it comes.

What a family lacks is decided by the vocabulary of the model at hand, never by a list in here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import langcodes

from xlforget.errors import UsageError
from xlforget.parallel.codes import FLORES, NoCode, alpha3_code, flores_code, iso_code

_SPECIAL = r"</?s>|<pad>|<unk>|<mask>"


@dataclass(frozen=True)
class Family:
    """``names``: a tag's codes in this family, best first. ``token``: the language token of a code, with {} in its place.

    ``leads``: what the target's language token stands in front of, the source text or the translation (where it is forced
    as the first token). ``control``: what a text must not hold.
    """

    name: str
    tokenizers: frozenset[str]
    licence: str
    token: str
    leads: str
    names: Callable[[str], tuple[str, ...]]
    control: re.Pattern[str]


def _without(names: Callable[[str], tuple[str, ...]]) -> Callable[[str], tuple[str, ...]]:
    """No name instead of an error."""

    def safe(tag: str) -> tuple[str, ...]:
        try:
            return names(tag)
        except NoCode:
            return ()

    return safe


def _m2m100(tag: str) -> tuple[str, ...]:
    code = iso_code(tag, "M2M100")
    return ({"nso": "ns", "nb": "no", "fil": "tl"}.get(code, code),)


def _madlad(tag: str) -> tuple[str, ...]:
    """MADLAD-400 knows some languages in a second script ("hi_Latn")."""
    full = langcodes.Language.get(tag).maximize()
    try:
        code = iso_code(tag, "MADLAD-400")
    except NoCode:
        return (f"{full.language}_{full.script}",)
    return ({"he": "iw", "nb": "no"}.get(code, code), code)


# Languages that OPUS-MT names by one variety beside their own three letters.
_OPUS = {"zh": "cmn", "ms": "zsm", "no": "nob", "fa": "pes", "lv": "lvs", "et": "ekk", "sw": "swh", "ar": "arb"}


def _marian(tag: str) -> tuple[str, ...]:
    """OPUS-MT has three-letter codes with and without a script, and two-letter ones in its older models."""
    full = langcodes.Language.get(tag).maximize()
    threes = [three for three in (_OPUS.get(full.language or ""), _alpha3(full)) if three]
    scripted = [f"{three}_{full.script}" for three in threes]
    try:
        code = iso_code(tag, "OPUS-MT")
    except NoCode:
        return tuple(scripted)
    return (*scripted, *threes, code)


def _alpha3(language: langcodes.Language) -> str:
    return alpha3_code(str(language.language), "OPUS-MT")


FAMILIES = (
    Family(
        name="MADLAD-400",
        tokenizers=frozenset({"T5Tokenizer", "T5TokenizerFast"}),
        licence="Apache-2.0",
        token="<2{}>",
        leads="source",
        names=_madlad,
        control=re.compile(rf"{_SPECIAL}|<2[^<>\s]+>|<extra_id_\d+>"),
    ),
    Family(
        name="M2M100",
        tokenizers=frozenset({"M2M100Tokenizer"}),
        licence="MIT",
        token="__{}__",
        leads="target",
        names=_without(_m2m100),
        control=re.compile(rf"{_SPECIAL}|__[a-z]{{2,3}}__"),
    ),
    Family(
        name="NLLB-200",
        tokenizers=frozenset({"NllbTokenizer", "NllbTokenizerFast"}),
        licence="CC-BY-NC-4.0",
        token="{}",
        leads="target",
        names=_without(lambda tag: (flores_code(tag),)),
        control=re.compile(f"{_SPECIAL}|{'|'.join(sorted(FLORES))}"),
    ),
    Family(
        name="Marian",
        tokenizers=frozenset({"MarianTokenizer"}),
        licence="not stated",
        token=">>{}<<",
        leads="source",
        names=_without(_marian),
        # Marian's tokenizer takes everything from ">>" at the start to the next "<<" as one token.
        control=re.compile(rf"{_SPECIAL}|>>|<<"),
    ),
)


def family_of(tokenizer_class: str) -> Family:
    """The family that a tokenizer class belongs to. UsageError NO_TRANSLATOR: none of ours."""
    for family in FAMILIES:
        if tokenizer_class in family.tokenizers:
            return family
    raise UsageError(
        "The translation model is of no family that is known here.",
        do=f"Use one of {', '.join(family.name for family in FAMILIES)}, in a folder with its tokenizer files.",
        code="NO_TRANSLATOR",
    )
