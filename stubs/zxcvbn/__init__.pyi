"""What moziweb uses of zxcvbn 4.5."""

from collections.abc import Iterable
from typing import TypedDict

class _Result(TypedDict):
    score: int

def zxcvbn(password: str, user_inputs: Iterable[str] | None = None) -> _Result: ...
