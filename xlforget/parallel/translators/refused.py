"""Texts that a translator must not be given: named by their places in the call, never by what they hold."""

from collections.abc import Collection, Sequence

from xlforget.errors import UsageError
from xlforget.parallel.translators.engine import Engine, Translation


class RefusedTexts(UsageError):
    """Some texts of one call cannot be translated; nothing of the call was. ``positions``: their 0-based places in it.

    ``code``: CONTROL_TOKEN (the text holds what steers this model) or TOO_LONG. The other texts may be asked again.
    """

    def __init__(self, positions: Collection[int], why: str, *, do: str, code: str) -> None:
        count = len(positions)
        super().__init__(f"{count} text{'s' if count != 1 else ''} cannot be translated: {why}.", do=do, code=code)
        self.positions = tuple(sorted(positions))


def refuse_control(positions: Collection[int], backend: str) -> None:
    """Raise RefusedTexts if there are any positions, for texts with a control token of the backend's model."""
    if positions:
        raise RefusedTexts(
            positions,
            f"they hold a control token of the {backend} model",
            do="Use another translator for these facts, or give their texts in every language (record form 5).",
            code="CONTROL_TOKEN",
        )


def refuse_long(positions: Collection[int], longest: int) -> None:
    """Raise RefusedTexts if there are any positions, for texts of more than ``longest`` tokens."""
    if positions:
        raise RefusedTexts(
            positions,
            f"they are longer than the {longest} tokens that this translator takes at once",
            do="Give one sentence a record; nothing is ever cut off.",
            code="TOO_LONG",
        )


def leaving_out(engine: Engine, texts: Sequence[str], source: str, target: str, *, marked: bool = False) -> list[Translation]:
    """As the engine's ``translate``; each text that it refuses is empty and not ended in its place, instead of an error.

    For texts that nobody chose, such as a machine's own output on its way back. Raises what the engine raises otherwise.
    """
    left = list(range(len(texts)))
    said: list[Translation] = []
    while left:
        try:
            said = engine.translate([texts[place] for place in left], source, target, marked=marked)
            break
        except RefusedTexts as refused:
            left = [place for at, place in enumerate(left) if at not in refused.positions]
    found = dict(zip(left, said, strict=True))
    return [found.get(place, Translation("", ended=False)) for place in range(len(texts))]
