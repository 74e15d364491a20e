"""The audit for people: HTML, model card, JUnit. Renderings of the signed JSON, never the source of anything."""

from xlforget.artifact.render.documents import html, model_card
from xlforget.artifact.render.junit import write_junit

__all__ = ["html", "model_card", "write_junit"]
