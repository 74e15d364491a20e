"""Kinds of objects, and what is invented of each: phone numbers, towns, occupations, in every language and script.

A kind is a file of the phrasebook's folder ``kinds`` (a list of values, or patterns around invented names) or one of
the functions below. What is invented here cannot be anybody's: numbers come from ranges that are set aside for fiction
or begin with codes that no country has, addresses end in ``.example``, names are joined from made-up syllables.
"""

import string
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random

from xlforget.errors import UsageError
from xlforget.request.fact import EVERY_LANGUAGE

FOLDER = resources.files("xlforget.request") / "phrasebook" / "kinds"
Value = Mapping[str, str]  # one thing by language; key "*": the same in every language
COLUMN = {"hi": "deva", "ar": "arab", "zh": "hani"}  # of syllables.toml; all other languages: latin


@dataclass(frozen=True)
class Kind:
    """How an object of one kind is drawn. ``values``: all there are, where they can be listed; else ()."""

    name: str
    draw: Callable[[Random], Value]
    values: tuple[Value, ...] = ()
    verbatim: bool = False  # the same string in every language, whatever the script around it
    proper: bool = False  # a proper name: the same in every language of one script

    def listed(self, text: str) -> Value | None:
        """The listed value that is called ``text`` in some language, in all its languages."""
        folded = text.casefold()
        return next((value for value in self.values if folded in map(str.casefold, value.values())), None)


def in_language(value: Value, lang: str) -> str:
    """The value's name in a language, or in the one that it is a variety of. Raises KeyError where it has none."""
    return value[next((key for key in (EVERY_LANGUAGE, lang, lang.partition("-")[0]) if key in value), lang)]


@cache
def kind(name: str) -> Kind:
    """The kind of that name. UsageError UNKNOWN_KIND: neither a file nor a function."""
    file = FOLDER / f"{name}.toml"
    if file.is_file():
        content = tomllib.loads(file.read_text("utf-8"))
        if "values" in content:
            return _listed(name, content["values"])
        return _patterned(name, content["patterns"], content["syllables"])
    if name in VERBATIM:
        return Kind(name, lambda random: {EVERY_LANGUAGE: VERBATIM[name](random)}, verbatim=True, proper=True)
    if name in WRITTEN:
        return Kind(name, WRITTEN[name])
    raise UsageError(
        f"The phrasebook has no kind {name!r}.",
        do=f"Add kinds/{name}.toml, or use one of: {', '.join(sorted((*VERBATIM, *WRITTEN)))}.",
        code="UNKNOWN_KIND",
    )


def _listed(name: str, values: list[dict[str, str]]) -> Kind:
    return Kind(name, lambda random: random.choice(values), values=tuple(values))


def _patterned(name: str, patterns: Sequence[dict[str, str]], syllables: tuple[int, int]) -> Kind:
    def draw(random: Random) -> Value:
        pattern = random.choice(patterns)
        names = {slot: _name(random, *syllables) for slot in _slots(pattern)}
        return {
            lang: text.format(**{slot: column[COLUMN.get(lang, "latin")] for slot, column in names.items()})
            for lang, text in pattern.items()
        }

    return Kind(name, draw, proper=True)


def _slots(pattern: Mapping[str, str]) -> tuple[str, ...]:
    text = next(iter(pattern.values()))
    return tuple(slot for _, slot, _, _ in string.Formatter().parse(text) if slot)


@cache
def _syllables() -> tuple[dict[str, str], ...]:
    return tuple(tomllib.loads((FOLDER / "syllables.toml").read_text("utf-8"))["syllables"])


def _name(random: Random, fewest: int, most: int) -> dict[str, str]:
    """One invented name by column of the syllable table: the same sounds in four scripts."""
    rows = random.sample(_syllables(), random.randint(fewest, most))
    name = {column: "".join(row[column] for row in rows) for column in rows[0]}
    return name | {"latin": name["latin"].capitalize()}


def _digits(random: Random, count: int) -> str:
    return "".join(random.choice(string.digits) for _ in range(count))


def _letters(random: Random, count: int) -> str:
    return "".join(random.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(count))


def _phone(random: Random) -> str:
    """Numbers that regulators keep for fiction: Ofcom's 07700 900xxx and 020 7946 0xxx, North America's 555 01xx."""
    return random.choice(
        [
            f"+44 7700 900{_digits(random, 3)}",
            f"+44 20 7946 0{_digits(random, 3)}",
            f"+1 {random.randint(201, 989)} 555 01{_digits(random, 2)}",
        ]
    )


def _email(random: Random) -> str:
    given, family, host = (_name(random, 2, 2)["latin"].lower() for _ in range(3))
    return f"{given}.{family}@{host}.example"


def _username(random: Random) -> str:
    return f"{_name(random, 2, 2)['latin'].lower()}_{_digits(random, 4)}"


def _ip_address(random: Random) -> str:
    """IPv6 of the block for documentation (RFC 3849): the IPv4 blocks hold too few for a set of controls."""
    return "2001:db8:" + ":".join(f"{random.randrange(0x1000, 0x10000):x}" for _ in range(6))


def _grouped(text: str) -> str:
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


VERBATIM: dict[str, Callable[[Random], str]] = {
    "phone": _phone,
    "email": _email,
    "id_number": lambda random: f"ZZ-{_digits(random, 4)}-{_digits(random, 4)}",
    "iban": lambda random: _grouped(f"ZZ{_digits(random, 20)}"),
    "car_plate": lambda random: f"ZZ {_letters(random, 3)} {_digits(random, 4)}",
    "ip_address": _ip_address,
    "username": _username,
    "money": lambda random: f"{random.randint(1100, 9900) * 10} EUR",
}

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "ar": "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "hi": "जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
    "zh": "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
}
_DATES = {
    "es": "{day} de {month} de {year}",
    "pt": "{day} de {month} de {year}",
    "de": "{day}. {month} {year}",
    "zh": "{year}年{month}{day}日",
}
_ADDRESSES = {
    "en": "{number} {name} Street",
    "es": "calle {name}, {number}",
    "fr": "{number} rue {name}",
    "de": "{name}straße {number}",
    "pt": "Rua {name}, {number}",
    "ar": "{number} شارع {name}",
    "hi": "{number} {name} मार्ग",
    "zh": "{name}路{number}号",
}


def _date(random: Random) -> Value:
    """Between 1930 and 2009; never the first of a month, which French writes in another way."""
    day, month, year = random.randint(2, 28), random.randrange(12), random.randint(1930, 2009)
    return {
        lang: _DATES.get(lang, "{day} {month} {year}").format(day=day, month=months.split()[month], year=year)
        for lang, months in _MONTHS.items()
    }


def _street_address(random: Random) -> Value:
    name, number = _name(random, 2, 3), random.randint(2, 299)
    return {lang: text.format(name=name[COLUMN.get(lang, "latin")], number=number) for lang, text in _ADDRESSES.items()}


WRITTEN: dict[str, Callable[[Random], Value]] = {"date": _date, "street_address": _street_address}
