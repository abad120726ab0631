"""Changes the source of templates when they are compiled."""

import re
from typing import Final

from jinja2.ext import Extension

_TAG_ALONE: Final = re.compile(r"\{%(?!-)((?!%\}).)*%\}|\{#(?!-)((?!#\}).)*#\}")


class WithoutIndentation(Extension):
    """Removes the indentation of lines, which no browser shows: it is a twentieth of a page.

    One space is left where it separates two texts, because Jinja removes the newline between them
    (``trim_blocks``). Lines keep their numbers in tracebacks. Values are not changed, such as text
    of several lines in a ``<textarea>``.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source without indentation."""
        found = []
        after_newline = True
        for line in source.split("\n"):
            text = line.lstrip(" \t")
            if _TAG_ALONE.fullmatch(text):  # Jinja removes the whole line
                found.append(text)
                continue
            found.append(text if after_newline or text == line else f" {text}")
            after_newline = not text.endswith(("%}", "#}"))
        return "\n".join(found)
