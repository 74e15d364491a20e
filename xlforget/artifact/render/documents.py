"""Fill the templates. Everything is escaped; a name that a template does not find is an error, not an empty string."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from xlforget.artifact.audit import Audit
from xlforget.artifact.render import words
from xlforget.measure.verdict import SAMPLES


def html(audit: Audit) -> str:
    """The report as one HTML file: no script, nothing from the network, readable on paper and on a phone."""
    return _environment(escape=True).get_template("audit.html.j2").render(_values(audit))


def model_card(audit: Audit) -> str:
    """``README.md`` of the model folder, with the metadata block that model hubs read."""
    return _environment(escape=False).get_template("card.md.j2").render(_values(audit))


def _values(audit: Audit) -> dict[str, Any]:
    return {
        "audit": audit,
        "verdict": audit.verdict,
        "headline": words.headline(audit),
        "limits": words.limits(audit),
        "likeliest": words.likeliest(audit.verdict),
        "failures": words.failures(audit),
        "kept": words.kept(audit.verdict),
        "shown_languages": words.closest(audit.verdict),
        "samples": SAMPLES,
    }


@cache
def _environment(*, escape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("xlforget.artifact.render"),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(own_name=words.own_name)
    environment.filters.update(language=words.language, figure=words.figure, percent=words.percent, day=words.day)
    environment.filters.update(yaml=words.yaml_string, score=words.SCORES.__getitem__)
    return environment
