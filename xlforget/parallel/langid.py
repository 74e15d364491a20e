"""Which of a closed set of languages a sentence is in, as py3langid sees it (BSD-3, its model is in the package).

Never run on an answer: a name alone is called every language there is.
"""

import math
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from xlforget.errors import UsageError
from xlforget.parallel.codes import iso_code
from xlforget.parallel.scripts import script

# Languages that are taken for each other; a translation in one of them is not in the other.
RELATIVES = (
    ("es", "pt", "ca", "gl", "fr", "it", "ro", "oc"),
    ("de", "nl", "af", "lb"), ("da", "no", "sv"), ("cs", "sk", "pl", "sl"), ("bs", "hr", "sr"), ("ru", "uk", "be", "bg", "mk"),
    ("hi", "mr", "ne"), ("bn", "as"), ("ar", "fa", "ur", "ps", "ug"), ("id", "ms", "jv"), ("zu", "xh", "sw"), ("tr", "az", "uz"),
)  # fmt: skip


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # here: loading it takes most of a second

    return LanguageIdentifier.from_model_file(MODEL_FILE)


@lru_cache(maxsize=1024)
def label(tag: str) -> str | None:
    """What py3langid calls a language; None: it does not know it (in this script)."""
    try:
        code = iso_code(tag)
    except UsageError:
        return None
    code = "no" if code == "nb" else code
    return code if code in _identifier().labels else None


# How likely a relative is that nobody asked for, against a language that somebody did.
STRANGER = 0.3


@lru_cache(maxsize=1024)
def closed_set(source: str, target: str, others: tuple[str, ...]) -> dict[str, float]:
    """The labels to choose from with their weights: both languages, ``others`` in the target's script, and its relatives."""
    near = {lang: STRANGER for family in RELATIVES if label(target) in family for lang in family}
    asked = {tag: 1.0 for tag in (*others, source, target) if script(tag) == script(target) or tag == source}
    return {name: weight for tag, weight in (near | asked).items() if (name := label(tag))}


def posterior(text: str, labels: Mapping[str, float]) -> dict[str, float]:
    """The probability of each label, given that it is one of them and how likely each was before; sums to 1."""
    # Temperature as in py3langid: the root of the number of bytes keeps long texts from being always certain.
    heat = math.sqrt(len(text.encode()) or 1)
    scores = {name: score / heat for name, score in _identifier().rank(text) if name in labels}
    best = max(scores.values())
    weights = {name: labels[name] * math.exp(score - best) for name, score in scores.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
