"""What is wrong with something that was to be imported, in words for the one who imports it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``place`` is the row or the film, ``column`` the field or "".

    ``fatal`` says that nothing of it is imported; otherwise only that field is left alone.
    """

    place: str
    column: str
    text: str
    fatal: bool = False

    def __str__(self) -> str:
        where = f"{self.place}, {self.column}" if self.column else self.place
        return f"{where}: {self.text}" + (" (nothing of it is imported)" if self.fatal else "")


class ImportRefused(Exception):
    """Nothing at all can be imported of what was given; its text is one line for the operator."""
