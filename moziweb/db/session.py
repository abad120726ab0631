"""Sessions: one for each request, joined to its transaction, and short ones for services."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import zope.sqlalchemy
from pyramid.request import Request
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from moziweb.services import services_of

from .engine import writing

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Database:
    """One database: its engine and the sessions made from it.

    A service that must not hold a transaction while it works (fetch, decode, upload) uses
    ``read()`` and ``write()``; a view uses ``request.dbsession``.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._readers = sessionmaker(engine, expire_on_commit=False)
        self._writers = sessionmaker(writing(engine), expire_on_commit=False)
        self._join: Callable[[Session, Any], None] | None = None

    def watch(
        self,
        watch: Callable[[sessionmaker[Session]], None],
        join: Callable[[Session, Any], None] | None = None,
    ) -> None:
        """Have every session watched: ``watch`` is given the factories, once.

        ``join`` is given each session that a transaction manager commits, with that manager.
        """
        for factory in (self._readers, self._writers):
            watch(factory)
        if join is not None:
            self._join = join

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A short session for reading; it is closed, never committed."""
        with self._readers() as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Session]:
        """As ``read()``, for one question: without a transaction, which would be two more."""
        with self._readers() as session:
            session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A short transaction: committed at the end of the block, rolled back if it raises."""
        with self._writers.begin() as session:
            yield session

    @contextmanager
    def rehearse(self) -> Iterator[Session]:
        """A transaction that is thrown away: what is flushed in it shows what it would do."""
        with self._writers() as session:
            yield session

    def session_for(self, request: Request) -> Session:
        """The request's session, joined to its ``request.tm`` and closed with it."""
        factory = self._readers if request.method in SAFE_METHODS else self._writers
        session = factory()
        zope.sqlalchemy.register(session, transaction_manager=request.tm)
        if self._join is not None:
            self._join(session, request.tm)
        request.add_finished_callback(lambda _request: session.close())
        return session


def dbsession(request: Request) -> Session:
    """``request.dbsession``."""
    database = services_of(request.registry).database
    return database.session_for(request)
