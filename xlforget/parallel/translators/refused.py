"""Texts that a translator must not be given: named by their places in the call, never by what they hold."""

from collections.abc import Collection

from xlforget.errors import UsageError


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
