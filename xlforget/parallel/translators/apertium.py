"""Apertium, Debian's rule-based machine translation, as a subprocess (GPL; called as a program, never linked).

Languages are those of the installed modes (``apertium -l``); what has no mode of its own goes through one other language,
Catalan first, whose pairs are the best. Facts go in by standard input only. https://www.apertium.org
"""

import html
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

from xlforget.errors import MachineError
from xlforget.parallel.pair import TranslatorInfo
from xlforget.parallel.translators.engine import CLOSE, OPEN, EngineOptions, Translation
from xlforget.request.tags import canonical_tag

PROGRAM = "apertium"
PIVOTS = ("ca", "es")
SECONDS, SECONDS_EACH = 60.0, 0.2
# Before a word: it is unknown (*), its translation is (@), its form is (#).
_MARKS = re.compile(r"(?<![^\s\W])([*@#])(\w)")
Mode = str


class Apertium:
    """Every call starts the program once a hop, with all texts at once."""

    name = "apertium"

    def __init__(self, options: EngineOptions) -> None:
        if shutil.which(PROGRAM) is None:
            raise MachineError(
                "Apertium is not installed.",
                do="Install it with its language pairs, e.g. apt-get install apertium apertium-eng-spa apertium-eng-cat.",
                code="BACKEND_MISSING",
            )

    def info(self) -> TranslatorInfo:
        """The program's version and the pairs', for a translation depends on both."""
        return TranslatorInfo(
            name=self.name, model=self._pairs, version=self._version, licence="GPL-2.0-or-later, GPL-3.0-or-later"
        )

    def lacks(self, source: str, targets: Sequence[str]) -> tuple[str, ...]:
        """Targets without a mode, and without two that meet in one language."""
        return tuple(target for target in targets if not route(self._modes, source, target))

    def translate(self, texts: Sequence[str], source: str, target: str, *, marked: bool = False) -> list[Translation]:
        """Each text, with ``unknown`` where a word in small letters was not found: names may be unknown."""
        hops = route(self._modes, source, target)
        if not hops:
            raise MachineError(f"Apertium has no mode from {source} to {target}.", code="BACKEND_MISSING")
        flat = [" ".join(text.split()) for text in texts]
        said = [_escaped(text) if marked else text for text in flat]
        doubtful = [False] * len(texts)
        for hop in hops:
            if not marked:
                tried = _run(hop, said, show_unknown=True)
                doubtful = [d or _unknown(b, a) for d, b, a in zip(doubtful, said, tried, strict=True)]
            said = _run(hop, said, markup=marked)
        return [
            Translation(_unescaped(text) if marked else text, unknown=doubt) for text, doubt in zip(said, doubtful, strict=True)
        ]

    @cached_property
    def _modes(self) -> tuple[tuple[str, str, Mode], ...]:
        listed = subprocess.run([PROGRAM, "-l"], capture_output=True, text=True, check=False, timeout=SECONDS).stdout.split()
        return tuple((*ends, mode) for mode in listed if (ends := languages_of(mode)))

    @cached_property
    def _version(self) -> str:
        said = subprocess.run([PROGRAM, "-V"], capture_output=True, text=True, check=False, timeout=SECONDS).stdout
        return said.strip().rpartition(" ")[2] or "unknown"

    @cached_property
    def _pairs(self) -> str:
        """The installed packages that translations come from, with their versions, where dpkg can tell."""
        if shutil.which("dpkg-query") is None:
            return ""
        command = ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", "apertium-*-*"]
        listed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS).stdout.splitlines()
        known = [line.removeprefix("apertium-") for line in listed if not line.endswith(" ")]
        return ", ".join(line for line in known if re.match(r"[a-z]{2,3}-[a-z]{2,3} ", line))


def route(modes: Sequence[tuple[str, str, Mode]], source: str, target: str) -> tuple[Mode, ...]:
    """The modes that lead from one language to another: one, or two over a pivot; () where there is no way."""
    direct = {(one, other): mode for one, other, mode in reversed(modes)}
    start, end = _have(direct, source, 0), _have(direct, target, 1)
    if (start, end) in direct:
        return (direct[start, end],)
    middles = dict.fromkeys([*PIVOTS, *sorted(one for one, _ in direct)])
    for middle in middles:
        if (start, middle) in direct and (middle, end) in direct:
            return direct[start, middle], direct[middle, end]
    return ()


def _have(direct: Iterable[tuple[str, str]], tag: str, side: int) -> str:
    """The tag itself where there are modes for it, else its language alone ("es" for "es-MX"), never another script."""
    known = {ends[side] for ends in direct}
    return tag if tag in known or re.search(r"-[A-Z][a-z]{3}\b", tag) else tag.partition("-")[0]


@lru_cache(maxsize=256)
def languages_of(mode: Mode) -> tuple[str, str] | None:
    """Both languages of a mode as tags: "eng-spa" is ("en", "es"), "cat-por_BR" ("ca", "pt-BR"); None: not two tags."""
    ends = [canonical_tag(end.replace("_", "-")) for end in mode.split("-")]
    if len(ends) != 2 or ends[0] is None or ends[1] is None or "hbs" in mode:
        return None  # hbs is three languages in two scripts
    return ends[0], ends[1]


def _run(mode: Mode, texts: Sequence[str], *, markup: bool = False, show_unknown: bool = False) -> list[str]:
    """One call for all texts; a blank line between two keeps them apart. Empty texts stay so."""
    sent = [text for text in texts if text]
    if not sent:
        return list(texts)
    command = [PROGRAM, *([] if show_unknown else ["-u"]), *(["-f", "html"] if markup else []), mode]
    lines = _piped(command, "\n\n".join(sent) + "\n", SECONDS + SECONDS_EACH * len(sent)).split("\n")[::2][: len(sent)]
    if len(lines) != len(sent):
        raise MachineError("Apertium gave back another number of sentences than it was sent.", code="TRANSLATOR")
    back = iter(line.strip() for line in lines)
    return [next(back) if text else "" for text in texts]


def _piped(command: Sequence[str], text: str, seconds: float) -> str:
    """What the program writes. It is a script that starts many others: they end with it, whatever happens."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
    ) as process:
        try:
            written, _ = process.communicate(text.encode(), timeout=seconds)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise MachineError(f"Apertium did not answer in {seconds:.0f} s.", code="TRANSLATOR") from None
            raise
    if process.returncode:
        raise MachineError(f"Apertium ended with code {process.returncode}.", do="Try: apertium -l", code="TRANSLATOR")
    return written.decode("utf-8", "replace")


def _unknown(before: str, after: str) -> bool:
    """Whether a word that is no name was left as it was. Signs that the text had itself say nothing."""
    if _MARKS.search(before):
        return False
    return any(mark != "*" or first.islower() for mark, first in _MARKS.findall(after))


def _escaped(text: str) -> str:
    """HTML in which the marks around the answer are the only tags."""
    return html.escape(text, quote=False).replace(html.escape(OPEN), OPEN).replace(html.escape(CLOSE), CLOSE)


def _unescaped(text: str) -> str:
    return html.unescape(text)
