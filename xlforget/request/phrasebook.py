"""The phrasebook: relations that deletion requests are about, worded in several languages, as files that people edit.

The files are ``phrasebook/<relation>.toml`` beside this module.
"""

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from xlforget.errors import UsageError
from xlforget.request import kinds
from xlforget.request.clean import clean, join
from xlforget.request.fact import EVERY_LANGUAGE, Gender, Statement, Structured
from xlforget.request.faults import Fault

FOLDER: Traversable = resources.files("xlforget.request") / "phrasebook"
SLOTS = ("{subject}", "{object}")
_SLOT = re.compile("|".join(map(re.escape, SLOTS)))

Reason = Literal["language", "gender", "script", "joint"]


class MissingWording(UsageError):
    """A fact that the phrasebook cannot word in a language. ``reason`` "script": a person could settle it by looking.

    "language": no templates; "gender": the language needs it; "joint": letters of template and name would join.
    """

    def __init__(self, what: str, reason: Reason) -> None:
        super().__init__(what, do="Give the texts themselves (record forms 5 and 6).", code="MISSING_WORDING")
        self.reason = reason


class Template(BaseModel):
    """One wording with ``{subject}`` and ``{object}`` once each, by the subject's gender where a language needs it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    m: str
    f: str
    n: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Its variants, each once."""
        return tuple(dict.fromkeys(text for text in (self.m, self.f, self.n) if text is not None))

    def text(self, gender: Gender | None) -> str | None:
        """The variant for a gender; None: the gender must be known."""
        return {"m": self.m, "f": self.f}.get(gender or "n", self.n)


class Relation(BaseModel):
    """One relation. The index of a template is its number as a paraphrase, the same in every language.

    ``identifies``: an object is one person's alone, or nearly (a number, an address), so that it is true of nobody else. Of a
    town or an employer it may be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    object_kind: str
    identifies: bool = False
    templates: dict[str, tuple[Template, ...]]


@cache
def names() -> tuple[str, ...]:
    """The relations' names, without reading the files."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in FOLDER.iterdir() if file.name.endswith(".toml")))


@cache
def relations() -> tuple[Relation, ...]:
    """All relations, by name."""
    return tuple(relation(name) for name in names())


@cache
def languages() -> tuple[str, ...]:
    """The languages that every relation has templates in, in the order of the files."""
    first, *others = relations()
    return tuple(lang for lang in first.templates if all(lang in other.templates for other in others))


@cache
def relation(name: str) -> Relation:
    """The relation of that name. UsageError UNKNOWN_RELATION: there is none; PHRASEBOOK: its file is wrong."""
    if name not in names():
        raise UsageError(
            f"The phrasebook has no relation {name!r}.", do="`xlforget phrasebook` lists them.", code="UNKNOWN_RELATION"
        )
    return _load(name, FOLDER / f"{name}.toml")


def wordings(structured: Structured, lang: str) -> tuple[Statement, ...]:
    """All paraphrases in a language, each with the object's span. Raises MissingWording, and UsageError as `relation`.

    A name is taken as given for the language, else for its base language, else as given for another one in the same
    script; where the subject has none, an alias is taken in the same order. An object that its kind lists (an occupation,
    a nationality) is called what the list calls it.
    """
    book = relation(structured.relation)
    own = _own_language(book, lang)
    subject, thing = _names(book, structured, lang, own)
    return tuple(_filled(template, structured.gender, subject, thing) for template in book.templates[own])


def _names(book: Relation, structured: Structured, lang: str, own: str) -> tuple[str, str]:
    """What subject and object are called in a language."""
    kind = kinds.kind(book.object_kind)
    script = _script(book.name, own)
    subject = _subject(structured, (lang, own), script)
    thing = _called(
        _listed(kind, structured.object),
        (lang, own),
        None if kind.verbatim else script,
        "object",
        proper=kind.proper,
    )
    return subject, thing


def _subject(structured: Structured, langs: tuple[str, ...], script: str) -> str:
    try:
        return _called(structured.subject, langs, script, "subject", proper=True)
    except MissingWording:
        if not structured.aliases:
            raise
    aliases = {lang: names[0] for lang, names in structured.aliases.items() if names}
    return _called(aliases, langs, script, "subject", proper=True)


def _own_language(book: Relation, lang: str) -> str:
    """The language itself, or the one it is a variety of in the same script ("pt" for "pt-BR", none for "zh-TW")."""
    if lang in book.templates:
        return lang
    import langcodes  # here: most calls name a language that is there

    asked = langcodes.Language.get(lang).maximize()
    for own in book.templates:
        base = langcodes.Language.get(own).maximize()
        if (base.language, base.script) == (asked.language, asked.script):
            return own
    raise MissingWording("the phrasebook does not have this language", "language")


def _listed(kind: kinds.Kind, given: Mapping[str, str]) -> Mapping[str, str]:
    """What was given, with the list's words for the languages in which nothing was given."""
    value = next((value for text in given.values() if (value := kind.listed(text))), None)
    return {**value, **{lang: text for lang, text in given.items() if lang != EVERY_LANGUAGE}} if value else given


def _called(given: Mapping[str, str], langs: tuple[str, ...], script: str | None, slot: str, *, proper: bool) -> str:
    """The name to use. ``script`` None: any will do. ``proper``: a name stays the same in other languages."""
    for lang in langs:
        if lang in given:
            return given[lang]
    others = [text for lang, text in given.items() if proper or lang == EVERY_LANGUAGE]
    if not others:
        raise MissingWording(f"the {slot} is not given in this language", "language")
    for text in others:
        if script is None or _fits(text, script):
            return text
    raise MissingWording(f"the {slot} is not given in this language's script", "script")


def _filled(template: Template, gender: Gender | None, subject: str, thing: str) -> Statement:
    text = template.text(gender)
    if text is None:
        raise MissingWording("this language needs the subject's gender (m or f)", "gender")
    before, after = (part.replace(SLOTS[0], subject) for part in text.split(SLOTS[1]))
    try:
        return join(before, thing, after)
    except Fault:
        raise MissingWording("a name begins or ends with a sign that joins the letter beside it", "joint") from None


def _fits(text: str, script: str) -> bool:
    """Whether a text can stand among letters of a script: it holds one of them, or no letter at all (a number)."""
    found = _scripts(text)
    return not found or script in found


@cache
def _script(name: str, lang: str) -> str:
    """The script that most letters of a relation's templates in a language are in, as Unicode names it."""
    texts = (text for template in relation(name).templates[lang] for text in template.texts)
    return Counter(script for text in texts for script in _scripts(text)).most_common(1)[0][0]


@lru_cache(maxsize=4096)
def _scripts(text: str) -> tuple[str, ...]:
    """The script of every letter, the first word of its Unicode name."""
    return tuple(unicodedata.name(sign, "NONE").split()[0] for sign in _SLOT.sub("", text) if sign.isalpha())


def _load(name: str, file: Traversable) -> Relation:
    try:
        content = tomllib.loads(file.read_text("utf-8"))
        templates = {lang: tuple(_template(given) for given in listed) for lang, listed in content.pop("templates").items()}
        return Relation(name=name, object_kind=content.pop("object"), templates=templates, **content)
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{file.name} is not a file of the phrasebook: {error}",
            do="It holds description, object, identifies (true or nothing), and [templates] with a list for each language.",
            code="PHRASEBOOK",
        ) from None


def _template(given: str | dict[str, str]) -> Template:
    template = Template(m=given, f=given, n=given) if isinstance(given, str) else Template(**given)
    for text in template.texts:
        if any(text.count(slot) != 1 for slot in SLOTS) or text.count("{") != 2 or clean(text) != text:
            raise ValueError(f"{text!r} must hold each of {', '.join(SLOTS)} once, in NFC")
    return template
