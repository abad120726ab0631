"""Changes the source of templates when they are compiled."""

from typing import Final

from jinja2.ext import Extension

_ENDS_WITHOUT_NEWLINE: Final = "%}", "#}"


class WithoutIndentation(Extension):
    """Removes the indentation of lines, which no browser shows: it is a twentieth of a page.

    White space never disappears: the indentation is removed after a newline that is in the page,
    and becomes one space where Jinja removes the newline (``trim_blocks``). Only the lines
    themselves tell, because each branch and each round of a loop may have been rendered before.
    Lines keep their numbers in tracebacks. Values are not changed, such as text of several lines
    in a ``<textarea>``.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source without indentation."""
        found = []
        after_newline = False
        for line in source.split("\n"):
            text = line.lstrip(" \t")
            found.append(text if after_newline or text == line else f" {text}")
            after_newline = not text.endswith(_ENDS_WITHOUT_NEWLINE)
        return "\n".join(found)
