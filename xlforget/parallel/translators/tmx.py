"""Translation memories in TMX, the exchange format of translation tools (https://www.gala-global.org/tmx-14b).

Read one unit at a time. Entities and external references are refused: a file of a few lines could otherwise grow to fill
the memory, or read other files.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from xlforget.errors import UsageError
from xlforget.request.clean import clean
from xlforget.request.tags import canonical_tag

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# Inline codes hold what is no text: formatting of the program that the segment came from.
_CODES = ("bpt", "ept", "it", "ph", "ut")


def units(path: Path) -> Iterator[dict[str, str]]:
    """The units of a file: text by language. UsageError TMX: no such file, no XML, or XML that nobody should read."""
    try:
        with path.open("rb") as file:
            for _, element in iterparse(file, events=("end",), forbid_dtd=False, forbid_entities=True, forbid_external=True):
                if element.tag == "tu":
                    yield _unit(element)
                    element.clear()
    except ParseError as error:
        raise _refused(path, f"is not well-formed XML (line {error.position[0]})") from None
    except DefusedXmlException:
        raise _refused(path, "declares entities or refers to other files") from None
    except (LookupError, ValueError):  # what the parser raises where it does not know the encoding, or cannot read it
        raise _refused(path, "is in an encoding that cannot be read") from None
    except RecursionError:
        raise _refused(path, "is nested too deep") from None
    except OSError as error:
        raise _refused(path, f"cannot be read ({error.strerror})") from None


def _refused(path: Path, why: str) -> UsageError:
    return UsageError(f"{path.name} {why}.", do="Give a translation memory in TMX 1.4, or JSON Lines.", code="TMX")


def _unit(element: Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for version in element.iter("tuv"):
        tag, segment = canonical_tag(version.get(_LANG) or version.get("lang") or ""), version.find("seg")
        if tag and segment is not None:
            found[tag] = " ".join(clean("".join(_texts(segment))).split())
    return found


def _texts(element: Element) -> Iterator[str]:
    yield element.text or ""
    for part in element:
        if part.tag not in _CODES:
            yield from _texts(part)
        yield part.tail or ""
