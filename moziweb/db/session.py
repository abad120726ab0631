"""Database sessions: one per request, joined to its transaction, and short ones for services."""

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
    """One database: its engine and its sessions.

    Views use ``request.dbsession``. Services that must not hold a transaction while they fetch,
    decode or upload use ``read()`` and ``write()``.
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
        """Call ``watch`` with each factory of sessions, once.

        ``join`` will be called with each session of a request and its transaction manager.
        """
        for factory in (self._readers, self._writers):
            watch(factory)
        if join is not None:
            self._join = join

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a short session for reads. It is closed at the end, never committed."""
        with self._readers() as session:
            yield session

    @contextmanager
    def autocommit_read(self) -> Iterator[Session]:
        """As ``read()``, for one query: without a transaction, which needs two more round trips."""
        with self._readers() as session:
            session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a short transaction: committed at the end, or rolled back if the block raises."""
        with self._writers.begin() as session:
            yield session

    @contextmanager
    def rollback_session(self) -> Iterator[Session]:
        """Open a transaction that is always rolled back, to see the effects of a flush."""
        with self._writers() as session:
            yield session

    def session_for(self, request: Request) -> Session:
        """Return a session for the request, joined to its ``request.tm`` and closed at its end."""
        factory = self._readers if request.method in SAFE_METHODS else self._writers
        session = factory()
        zope.sqlalchemy.register(session, transaction_manager=request.tm)
        if self._join is not None:
            self._join(session, request.tm)
        request.add_finished_callback(lambda _request: session.close())
        return session


def dbsession(request: Request) -> Session:
    """Return the session of a request; this is ``request.dbsession``."""
    database = services_of(request.registry).database
    return database.session_for(request)
