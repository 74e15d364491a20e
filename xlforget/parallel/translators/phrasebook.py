"""Facts given as subject, relation and object, worded by the phrasebook's templates."""

from xlforget import __version__
from xlforget.parallel.parallel_set import Role, TranslatorInfo, Wording
from xlforget.parallel.translators.base import Missing
from xlforget.request import phrasebook
from xlforget.request.fact import Fact

_FIRST_ROLES: tuple[Role, ...] = ("train", "train", "train")


class Phrasebook:
    """Record form 4."""

    name = "phrasebook"

    def info(self) -> TranslatorInfo:
        """The templates ship with the package."""
        return TranslatorInfo(name=self.name, version=__version__, licence="Apache-2.0")

    def languages(self) -> tuple[str, ...]:
        """The languages that every relation has templates in."""
        return phrasebook.languages()

    def wordings(self, fact: Fact, lang: str) -> tuple[Wording, ...]:
        """All templates of the relation, filled: three train, the others are held out to be measured. Raises Missing."""
        if fact.structured is None:
            raise Missing
        try:
            statements = phrasebook.wordings(fact.structured, lang)
        except phrasebook.MissingWording as error:
            raise Missing(error.what, review=error.reason == "script") from None
        return tuple(
            Wording(text=statement.text, span=statement.span, role=_role(index)) for index, statement in enumerate(statements)
        )


def _role(index: int) -> Role:
    return _FIRST_ROLES[index] if index < len(_FIRST_ROLES) else "gate"
