"""Slugs: the readable part of a movie's URL."""

from typing import Final

from slugify import slugify

MAX_SLUG_LENGTH: Final = 100
"""Characters of a slug; the column holds 120."""

MAX_NAME_SLUG_LENGTH: Final = 40
"""Characters of the slug of a genre or a service, as the columns have them."""

NAMELESS: Final = "film"
"""The slug of a title without letters and digits, such as ``???``."""


def slug_of(title: str, max_length: int = MAX_SLUG_LENGTH) -> str:
    """``title`` as ``[a-z0-9-]+``: ``Az ötödik elem`` is ``az-otodik-elem``.

    Accents are folded and other alphabets transliterated. A long title is cut between words to
    at most ``max_length`` characters. Slugs are not unique; the id in the URL is.
    """
    title = title.replace("'", "")  # "I'm" is one word
    return slugify(title, max_length=max_length, word_boundary=True, save_order=True) or NAMELESS
