"""Facts given as subject, relation and object, worded by the phrasebook's templates."""

from collections.abc import Sequence

from xlforget import __version__
from xlforget.parallel.pair import Role, TranslatorInfo, Wording
from xlforget.parallel.translators.base import Draft, Missing
from xlforget.request import phrasebook
from xlforget.request.fact import Fact

_FIRST_ROLES: tuple[Role, ...] = ("train", "train", "train")


class Phrasebook:
    """Record form 4."""

    name = "phrasebook"

    def info(self) -> TranslatorInfo:
        """The templates ship with the package."""
        return TranslatorInfo(name=self.name, version=__version__, licence="Apache-2.0")

    def lacks(self, facts: Sequence[Fact], languages: Sequence[str]) -> tuple[str, ...]:
        """None: which languages it has depends on the relation."""
        return ()

    def word(self, facts: Sequence[Fact], lang: str, others: Sequence[str]) -> list[Draft | Missing]:
        """All templates of the relation, filled: three train, the others are held out to be measured."""
        return [self._draft(fact, lang) for fact in facts]

    def _draft(self, fact: Fact, lang: str) -> Draft | Missing:
        if fact.structured is None:
            return Missing()
        try:
            statements = phrasebook.wordings(fact.structured, lang)
        except phrasebook.MissingWording as error:
            return Missing(error.what, review=error.reason == "script")
        return Draft(tuple(Wording(text=s.text, span=s.span, role=_role(index)) for index, s in enumerate(statements)))


def _role(index: int) -> Role:
    return _FIRST_ROLES[index] if index < len(_FIRST_ROLES) else "gate"
