"""Masks secrets in texts that people see: the settings page, errors and log lines."""

import re
from typing import Final

MASK: Final = "••••••"

# All from the first "://" to the last "@": a password may contain any character, also "/" and "@".
_USER: Final = re.compile(r"(?<=://).*@", re.DOTALL)
_QUOTED: Final = r"""[bru]?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')[^&\s,})\]]*"""
_EQUALS: Final = r"""\\*["']?\s*[=:]\s*"""
_PARAMETER: Final = re.compile(
    rf"((?:pass|pwd|secret|token|key|signature|credential)[\w-]*{_EQUALS})(?:{_QUOTED}|[^&\s]+)",
    re.IGNORECASE | re.DOTALL,
)
# Headers whose secret may contain spaces: the rest of the line, unless it is quoted.
_HEADER: Final = re.compile(
    rf"((?:authorization|cookie){_EQUALS})(?:{_QUOTED}|[^\r\n]+)", re.IGNORECASE
)
_BEARER: Final = re.compile(r"(\bbearer\s+)[^\s\"',}]+", re.IGNORECASE)


def mask_secrets(text: str) -> str:
    """Return ``text`` with masks for users and passwords in URLs, named secrets and credentials."""
    text = _USER.sub(f"{MASK}@", text)
    for pattern in (_HEADER, _BEARER, _PARAMETER):
        text = pattern.sub(rf"\1{MASK}", text)
    return text
