"""The readable part of a movie's address."""

from typing import Final

from slugify import slugify

MAX_LENGTH: Final = 100
"""Characters; the column takes 120, which leaves room for nothing to break."""

NAMELESS: Final = "film"
"""The slug of a title that no letter or digit is left of, such as ``???``."""


def slug_of(title: str) -> str:
    """``title`` as ``[a-z0-9-]+``: ``Az ötödik elem`` is ``az-otodik-elem``.

    Accents are folded and other alphabets transliterated. A long title is cut between words, to
    ``MAX_LENGTH`` characters at most. Two films may have one slug: their ids tell them apart.
    """
    whole = title.replace("'", "")  # I'm is one word
    return slugify(whole, max_length=MAX_LENGTH, word_boundary=True, save_order=True) or NAMELESS
