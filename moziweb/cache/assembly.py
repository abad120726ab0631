"""Shells: pages with slots, and what goes into them.

A page that lists things is made of a **shell**, its bytes with slots and the ordered keys of what
goes there, and of **cards**, one for each slot. The shell depends on the lists that it shows, each
card on its own thing. When a thing changes, one card is rendered; the shell, and with it the query
for the list, stays as it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from .errors import EntryCorruptError


@dataclass(frozen=True, slots=True)
class Shell:
    """``pieces`` with a slot between each two; ``keys`` say what goes into the slots, in order.

    A key means something to whoever renders the cards: an id and a locale, say.
    """

    pieces: tuple[bytes, ...]
    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.pieces) != len(self.keys) + 1:
            raise ValueError(f"{len(self.keys)} keys need one piece more, not {len(self.pieces)}")

    def assemble(self, cards: Mapping[str, bytes]) -> bytes:
        """The page with a card in each slot; ``KeyError`` for a card that is not there."""
        parts = [self.pieces[0]]
        for key, piece in zip(self.keys, self.pieces[1:], strict=True):
            parts += (cards[key], piece)
        return b"".join(parts)

    def encode(self) -> bytes:
        """The payload of a shell's entry: keys and lengths as one line of JSON, then the pieces."""
        head = {"keys": self.keys, "lengths": [len(piece) for piece in self.pieces]}
        return b"".join((json.dumps(head).encode("ascii"), b"\n", *self.pieces))

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """The shell of a payload; ``EntryCorruptError`` for any other bytes."""
        line, _, body = payload.partition(b"\n")
        try:
            head = json.loads(line)
            keys, lengths = tuple(map(str, head["keys"])), [int(n) for n in head["lengths"]]
            return cls(_split(body, lengths), keys)
        except (ValueError, KeyError, TypeError) as error:
            raise EntryCorruptError(f"not a shell: {error}") from error


def _split(body: bytes, lengths: Sequence[int]) -> tuple[bytes, ...]:
    if min(lengths, default=0) < 0 or sum(lengths) != len(body):
        raise ValueError("lengths do not add up")
    pieces, at = [], 0
    for length in lengths:
        pieces.append(body[at : at + length])
        at += length
    return tuple(pieces)
