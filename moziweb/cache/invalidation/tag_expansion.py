"""Expansion of tags by a query, such as "every list that this movie is in".

A write collects such a tag like any other and adds it to the outbox unexpanded. It is expanded
after the commit, in a snapshot of its own, when the invalidation is published. Within the
transaction, the query would miss what others are committing at the same time: if a movie is
published while another operator announces its premiere, each transaction sees half of it, and the
page of the week would never list the movie. After the commit, the query sees every earlier commit,
and a later commit is published later.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from sqlalchemy import Connection, Engine

from ..protocol.tags import check_all, kind_of

Expand = Callable[[Connection, Collection[str]], Iterable[str]]
"""Takes tags of one kind and returns the tags to publish instead."""


class TagExpansions:
    """The expansions, by kind of tag."""

    def __init__(self) -> None:
        self._by_kind: dict[str, Expand] = {}

    def add(self, kind: str, expand: Expand) -> None:
        """Expand tags of ``kind`` by ``expand``."""
        self._by_kind[kind] = expand

    def kinds(self) -> frozenset[str]:
        """Return the kinds that are expanded."""
        return frozenset(self._by_kind)

    def expanded_on(self, engine: Engine, tags: Collection[str]) -> frozenset[str]:
        """As ``expanded``; connects only if any of ``tags`` must be expanded."""
        if not any(kind_of(tag) in self._by_kind for tag in tags):
            return frozenset(tags)
        with engine.connect() as connection:
            return self.expanded(connection, tags)

    def expanded(self, connection: Connection, tags: Iterable[str]) -> frozenset[str]:
        """Return the tags to publish for ``tags``.

        Raises the errors of the database, and ``ValueError`` for a tag that cannot be expanded.
        """
        by_kind: dict[str, list[str]] = defaultdict(list)
        for tag in tags:
            by_kind[kind_of(tag)].append(tag)
        found: set[str] = set()
        for kind, names in by_kind.items():
            expand = self._by_kind.get(kind)
            found.update(names if expand is None else check_all(expand(connection, names)))
        return frozenset(found)
