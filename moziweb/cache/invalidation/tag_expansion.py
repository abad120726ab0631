"""Tags that stand for others, which only the database can tell: "every list that this film is in".

A write gathers such a tag like any other, and it goes into the outbox as it is. What it stands for
is asked after the commit, in a snapshot of its own, as the invalidation is published. Asked within
the transaction, the answer would miss what others were just committing: a film is published while
another operator announces its premiere, each sees half of it, and the week's page would never list
it. Asked afterwards, whatever was committed before is seen, and whoever commits later publishes
later, with the film's new state to be seen by whoever renders then.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from sqlalchemy import Connection

from ..protocol.tags import check_all, kind_of

Expand = Callable[[Connection, Collection[str]], Iterable[str]]
"""Given the tags of a kind: all tags that they stand for."""


class TagExpansions:
    """What tags of some kinds stand for."""

    def __init__(self) -> None:
        self._by_kind: dict[str, Expand] = {}

    def add(self, kind: str, expand: Expand) -> None:
        """Let tags of ``kind`` stand for what ``expand`` answers."""
        self._by_kind[kind] = expand

    def kinds(self) -> frozenset[str]:
        """The kinds that stand for others."""
        return frozenset(self._by_kind)

    def needed(self, tags: Iterable[str]) -> bool:
        """Whether any of ``tags`` stands for others."""
        return any(kind_of(tag) in self._by_kind for tag in tags)

    def expanded(self, connection: Connection, tags: Iterable[str]) -> frozenset[str]:
        """The tags to publish. Raises what the database raises, and ``ValueError`` for nonsense."""
        by_kind: dict[str, list[str]] = defaultdict(list)
        for tag in tags:
            by_kind[kind_of(tag)].append(tag)
        found: set[str] = set()
        for kind, names in by_kind.items():
            expand = self._by_kind.get(kind)
            found.update(names if expand is None else check_all(expand(connection, names)))
        return frozenset(found)
