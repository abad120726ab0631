"""Masks secrets in texts that people see: the settings page, errors and log lines."""

import re
from typing import Final

MASK: Final = "••••••"

# All from the first "://" to the last "@": a password may contain any character, also "/" and "@".
_USER: Final = re.compile(r"(?<=://).*@", re.DOTALL)
_PARAMETER: Final = re.compile(r"((?:pass|secret|token|key)\w*\s*[=:]\s*)[^&\s]+", re.IGNORECASE)


def mask_secrets(text: str) -> str:
    """Return ``text`` with a mask for users and passwords in URLs, and for named secrets."""
    return _PARAMETER.sub(rf"\1{MASK}", _USER.sub(f"{MASK}@", text))
