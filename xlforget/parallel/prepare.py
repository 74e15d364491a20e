"""A request into other languages, as a command was asked to: which translators, in which order, and what they know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xlforget.errors import UsageError
from xlforget.parallel.build import build_parallel_set
from xlforget.parallel.cache import Cache
from xlforget.parallel.languages import auto_languages
from xlforget.parallel.parallel_set import ParallelSet
from xlforget.parallel.rewording import with_other_wordings
from xlforget.parallel.translators import ENGINES, OWN, SELF, Engine, EngineOptions, Translator, get_translator, open_engine
from xlforget.parallel.translators.file import File
from xlforget.parallel.translators.machine import Machine
from xlforget.request.fact import ErasureRequest

FILE = "file"


@dataclass(frozen=True)
class Wanted:
    """``languages`` (): all that the request can be had in without a machine. ``translator`` "": no machine.

    ``where_possible``: further languages, taken if the machine reaches them.

    ``translations``: the user's own files, which come before the machine. ``paraphrases``: other wordings of each text by
    the machine, held out of training.
    """

    languages: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    translator: str = ""
    options: EngineOptions = field(default_factory=EngineOptions)
    translations: tuple[str, ...] = ()
    paraphrases: int = 0
    seed: int = 0
    where_possible: tuple[str, ...] = ()


def prepare(
    request: ErasureRequest,
    wanted: Wanted,
    known: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    own: Engine | None = None,
) -> ParallelSet:
    """The parallel set, with every row's status. ``known``: file of translations that were made already.

    ``own``: the model that is to forget as an engine, where it is the translator (`SELF`).

    ``say`` is told each machine's name, version and licence before it begins. Raises UsageError (2), MachineError (4).
    """
    count = _Count(progress)
    translators = _translators(request, wanted, own or _opened(wanted), Cache(known), count.add)
    languages = wanted.languages or auto_languages(request)
    languages = (*languages, *_reached(translators[-1], request, [t for t in wanted.where_possible if t not in languages]))
    count.total = len(request.facts) * len(languages)
    for translator in translators[len(OWN) :]:
        info = translator.info()
        say(f"translating with {info.name} {info.version} ({info.licence}) into {', '.join(languages)}")
    made = build_parallel_set(request, languages, translators, wanted.leave_out, seed=wanted.seed)
    if isinstance(translators[-1], Machine) and wanted.paraphrases:
        say("looking for other wordings, to hold out")
        made = with_other_wordings(made, translators[-1], wanted.paraphrases)
    return made


def _reached(translator: Translator, request: ErasureRequest, languages: Sequence[str]) -> list[str]:
    if not isinstance(translator, Machine):
        return []
    lacking = translator.lacks(request.facts, languages)
    return [lang for lang in languages if lang not in lacking]


def check_wanted(wanted: Wanted) -> None:
    """Raise UsageError for a translator that there is not, or that lacks what it needs."""
    if wanted.translator == FILE and not wanted.translations:
        raise UsageError("The file translator needs a file.", do="Name it with --translations FILE.", code="NO_TRANSLATIONS")
    if wanted.translator and wanted.translator not in (FILE, SELF, *ENGINES, *OWN):
        names = ", ".join((*OWN, FILE, SELF, *ENGINES))
        raise UsageError(f"Unknown translator {wanted.translator!r}.", do=f"Use one of: {names}.", code="UNKNOWN_TRANSLATOR")


def check_files(translations: Sequence[str]) -> None:
    """Raise UsageError for a file of translations that is not there, before anything else is done."""
    for name in translations:
        if not Path(name).is_file():
            raise UsageError(f"{Path(name).name} cannot be read.", do="Check --translations.", code="NO_TRANSLATIONS")


def _opened(wanted: Wanted) -> Engine | None:
    check_wanted(wanted)
    return open_engine(wanted.translator, wanted.options) if wanted.translator in ENGINES else None


def _translators(
    request: ErasureRequest, wanted: Wanted, engine: Engine | None, known: Cache, tick: Callable[[int], None]
) -> Sequence[Translator]:
    """What the request says itself comes first, then the user's files, then the machine."""
    found: list[Translator] = [get_translator(name) for name in OWN]
    machine = Machine(engine, known, tick) if engine else None
    if wanted.translations:
        found.append(File(wanted.translations, request, machine))
    return [*found, machine] if machine else found


class _Count:
    """How many rows are done, of how many at most."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self.total = 0
        self._done, self._progress = 0, progress

    def add(self, rows: int) -> None:
        self._done += rows
        self._progress(self._done, self.total)
