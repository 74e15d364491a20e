"""The six forms of a record as they stand in the file, and how each becomes a fact.

The models say what shape a record has, and the JSON Schema is made from them. What no schema can say (an answer that
stands in its text, one mask, the same languages on both sides) is found when the fact is made.
"""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictInt,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from xlforget.request.clean import MASK, clean, cut, fill, locate
from xlforget.request.fact import EVERY_LANGUAGE, Fact, Form, Gender, Statement, Structured
from xlforget.request.faults import MOST, Fault, Faults, of_validation
from xlforget.request.tags import canonical_tag

T = TypeVar("T")
LONGEST_ID = 256
NO_LANGUAGE = "und"  # BCP-47 for text in a language that nobody named


def _readable(text: str) -> str:
    text = clean(text)
    if not text.strip():
        raise PydanticCustomError("blank", "blank")
    return text


def _tag(tag: str) -> str:
    canonical = canonical_tag(tag)
    if canonical is None:
        raise PydanticCustomError("language", "language")
    return canonical


def _each_once(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Two spellings of one tag would leave the last one and drop the other in silence."""
    read = handler(value)
    if len(read) != len(value):
        raise PydanticCustomError("language_twice", "language_twice")
    return read


Text = Annotated[str, Field(min_length=1, json_schema_extra={"pattern": r"\S"}), AfterValidator(_readable)]
Language = Annotated[str, AfterValidator(_tag)]
Languages = Annotated[dict[Language, Text], Field(min_length=1), WrapValidator(_each_once)]
Lists = Annotated[dict[Language, tuple[Text, ...]], WrapValidator(_each_once)]
Name = Annotated[
    Annotated[Text, Tag("string")] | Annotated[Languages, Tag("by_language")],
    Discriminator(lambda value: "by_language" if isinstance(value, dict) else "string"),
]


class Record(BaseModel):
    """What every form has. ``candidates``: other answers of the same type, by language."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: Annotated[Text, Field(max_length=LONGEST_ID)]
    candidates: Lists = Field(default_factory=dict)

    def statements(self) -> dict[str, Statement]:
        """The texts that the record gives, by language tag. Raises Fault or Faults."""
        raise NotImplementedError

    def structured(self) -> Structured | None:
        """Subject, relation and object, where the record gives these. Raises Fault."""
        return None


class Form1(Record):
    """A text and the answer in it; ``span`` ([start, end), code points of the cleaned text) where it stands twice."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["answer"]}, {"required": ["span"]}]})

    lang: Language
    text: Text
    answer: Text | None = None
    span: tuple[StrictInt, StrictInt] | None = None

    def statements(self) -> dict[str, Statement]:
        _without_mask(self.text, "`text`")
        if self.span is None:
            return {self.lang: _named("`text`", lambda: locate(self.text, self.answer or ""), _SETTLE)}
        start, end = self.span
        statement = _named("`text`", lambda: cut(self.text, (start, end)))
        if self.answer is not None and statement.answer != self.answer:
            raise Fault("BAD_SPAN", "`span` and `answer` are not the same part of `text`")
        return {self.lang: statement}


class Form2(Record):
    """A prompt with one ``<mask>`` and the answer that goes there."""

    lang: Language
    prompt: Text
    answer: Text

    def statements(self) -> dict[str, Statement]:
        return {self.lang: _named("`prompt`", lambda: fill(self.prompt, self.answer))}


class Form3(Record):
    """A whole sentence that must go."""

    lang: Language
    text: Text

    def statements(self) -> dict[str, Statement]:
        _without_mask(self.text, "`text`")
        return {self.lang: Statement(text=self.text)}


class Form4(Record):
    """Subject, relation and object, for the phrasebook; names as one string or by language."""

    subject: Name
    relation: str
    object: Name
    aliases: Lists = Field(default_factory=dict)
    gender: Gender | None = None

    def statements(self) -> dict[str, Statement]:
        return {}

    def structured(self) -> Structured:
        _known_relation(self.relation)
        return Structured(
            subject=_by_language(self.subject),
            relation=self.relation,
            object=_by_language(self.object),
            aliases=self.aliases,
            gender=self.gender,
        )


class Form5(Record):
    """The text in several languages, and the answer in each; without answers the whole sentences must go."""

    texts: Languages
    answers: Languages | None = None

    def statements(self) -> dict[str, Statement]:
        _each(self.texts, lambda lang: _without_mask(self.texts[lang], f"`texts.{lang}`"))
        if self.answers is None:
            return {lang: Statement(text=text) for lang, text in self.texts.items()}
        answers = self.answers
        _same_languages("texts", self.texts, answers)
        return _each(
            self.texts,
            lambda lang: _named(f"`texts.{lang}`", lambda: locate(self.texts[lang], answers[lang]), _SETTLE_BY_FORM_6),
        )


class Form6(Record):
    """The prompt with one ``<mask>`` in several languages, and the answer in each."""

    prompts: Languages
    answers: Languages

    def statements(self) -> dict[str, Statement]:
        _same_languages("prompts", self.prompts, self.answers)
        return _each(
            self.prompts,
            lambda lang: _named(f"`prompts.{lang}`", lambda: fill(self.prompts[lang], self.answers[lang])),
        )


class Plain(Record):
    """A row of a text file, for retain and unseen text: no ``<mask>`` is meant, and the language may be unknown."""

    lang: Language = NO_LANGUAGE
    text: Text

    def statements(self) -> dict[str, Statement]:
        return {self.lang: Statement(text=self.text)}


FORMS: dict[Form, type[Record]] = {1: Form1, 2: Form2, 3: Form3, 4: Form4, 5: Form5, 6: Form6}
OUR_KEYS = frozenset(key for form in FORMS.values() for key in form.model_fields)
# The keys that tell the forms apart; forms 1 and 3 share theirs.
_MARKS: dict[str, Form] = {"text": 3, "prompt": 2, "relation": 4, "subject": 4, "object": 4, "texts": 5, "prompts": 6}


def to_fact(record: Mapping[str, Any], line: int, *, plain: bool = False) -> Fact:
    """The fact that one record states. ``plain``: a record with a text alone is a row of text. Raises Faults."""
    try:
        _no_nulls(record)
        form = _form(record)
        model = Plain if plain and form == 3 else FORMS[form]
        parsed = model.model_validate(record)
        return Fact(
            id=parsed.id,
            line=line,
            form=form,
            statements=parsed.statements(),
            structured=parsed.structured(),
            candidates={lang: tuple(dict.fromkeys(given)) for lang, given in parsed.candidates.items()},
        )
    except ValidationError as error:
        raise Faults(list(of_validation(error, record, tuple(model.model_fields), OUR_KEYS))) from None
    except Fault as fault:
        raise Faults([fault]) from None


def _form(record: Mapping[str, Any]) -> Form:
    """The record's form, by its keys. Fault NO_FORM, MIXED_FORMS: none of the six, or several."""
    found = {form: mark for mark, form in _MARKS.items() if mark in record}
    if not found:
        close = [match for key in islice(record, MOST) for match in get_close_matches(key, _MARKS, n=1)]
        hint = f"; did you mean `{close[0]}`?" if close else ""
        raise Fault("NO_FORM", f"none of the six forms: has none of the keys {', '.join(_MARKS)}{hint}")
    if len(found) > 1:
        marks = ", ".join(f"`{mark}`" for mark in found.values())
        raise Fault("MIXED_FORMS", f"keys of different forms in one record: {marks}")
    (form,) = found
    return 1 if form == 3 and ("answer" in record or "span" in record) else form


def _no_nulls(record: Mapping[str, Any]) -> None:
    """A null answer could mean the whole sentence or an export that went wrong; nobody should have to guess."""
    nulls = [Fault("NULL_VALUE", f"`{key}` is null: give it a value or leave the key out") for key in _null_keys(record)]
    if nulls:
        raise Faults(nulls)


def _null_keys(record: Mapping[str, Any]) -> list[str]:
    return [key for key, value in record.items() if value is None and key in OUR_KEYS]


_SETTLE = "; use form 2 (`prompt` with <mask> where the answer goes), or give its `span`"
_SETTLE_BY_FORM_6 = "; use form 6 (form 2 by language: `prompts` with <mask> where the answer goes)"


def _named(key: str, make: Callable[[], Statement], how_to_settle: str = "") -> Statement:
    """What ``make`` makes; its fault, with the key in front and a way out behind."""
    try:
        return make()
    except Fault as fault:
        raise Fault(fault.code, f"{key} {fault.message}{how_to_settle}") from None


def _each(languages: Iterable[str], make: Callable[[str], T]) -> dict[str, T]:
    """``make`` for every language; the faults of all languages at once."""
    made: dict[str, T] = {}
    faults: list[Fault] = []
    for lang in languages:
        try:
            made[lang] = make(lang)
        except Fault as fault:
            faults.append(fault)
    if faults:
        raise Faults(faults)
    return made


def _without_mask(text: str, key: str) -> None:
    if MASK in text:
        raise Fault("MASK_IN_TEXT", f"{key} holds {MASK}; a text with a gap is a `prompt` (forms 2 and 6)")


def _same_languages(key: str, texts: Mapping[str, str], answers: Mapping[str, str]) -> None:
    lacking = sorted(texts.keys() - answers.keys()), sorted(answers.keys() - texts.keys())
    if any(lacking):
        only = [f"only in `{name}`: {', '.join(langs)}" for name, langs in zip((key, "answers"), lacking, strict=True) if langs]
        raise Fault("UNEQUAL_LANGUAGES", f"`{key}` and `answers` are not in the same languages ({'; '.join(only)})")


def _known_relation(name: str) -> None:
    from xlforget.request import phrasebook  # here: only this form needs it

    known = phrasebook.names()
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else "`xlforget phrasebook` lists them"
        raise Fault("UNKNOWN_RELATION", f"`relation` is not in the phrasebook; {hint}")


def _by_language(name: str | dict[str, str]) -> dict[str, str]:
    return {EVERY_LANGUAGE: name} if isinstance(name, str) else dict(name)
