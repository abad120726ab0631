"""``${NAME}`` and ``${NAME:-default}`` in a value: what is replaced from the environment."""

import re
from typing import Final

VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Z][A-Z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def names_in(text: str) -> tuple[str, ...]:
    """The variables that a text names, each once."""
    return tuple(dict.fromkeys(match["name"] for match in VARIABLE.finditer(text)))
