"""The syntax of environment variables in values: ``${NAME}`` and ``${NAME:-default}``."""

import re
from typing import Final

VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Z][A-Z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of the variables in a text, without repetitions."""
    return tuple(dict.fromkeys(match["name"] for match in VARIABLE.finditer(text)))
