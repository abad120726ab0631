"""Declarations: which tags a change of a model's row invalidates.

A declaration names the attributes that pages show (``columns``) and a function that returns the
tags of a row (``tags``). It leaves out columns for state, leases and bookkeeping, which no page
shows. A change of any of ``columns`` invalidates the tags of the old and of the new row: a movie
that moves to another week also leaves the page of the old week.

The function can read only the attributes in ``keys``, and each of those must be mapped with
``active_history=True``. Without it, SQLAlchemy does not know the old value of an attribute that was
expired when it was set, and the page of the old week would not be invalidated.

A model may have several declarations, if a change of some columns invalidates fewer tags than a
change of others.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import ClauseElement, Connection, Table, event, inspect
from sqlalchemy.orm import ColumnProperty, Mapper, Session, object_session
from sqlalchemy.orm.attributes import History

from ..errors import ConfigurationError
from ..protocol.tags import MODEL, check_all, model_tag
from .tag_expansion import TagExpansions


class RowKeys:
    """The key attributes of the old or the new state of a row."""

    def __init__(self, model: type, values: Mapping[str, Any]) -> None:
        self._model = model
        self._values = values

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(
                f"the tags of {self._model.__name__} use {name!r}: add it to `keys`"
            ) from None


TagsOf = Callable[[Any], Iterable[str]]

Resolve = Callable[[Connection, Collection[str]], Iterable[str]]
"""Takes all tags of a transaction, and returns those to record for it."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """The columns and tags of one model.

    With ``changes_only``, inserted and deleted rows invalidate nothing.
    """

    model: type
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    tags: TagsOf
    changes_only: bool = False

    def of_new(self, row: object) -> frozenset[str]:
        """Return the tags of an inserted row."""
        return frozenset() if self.changes_only else self._tags(row, _new)

    def of_deleted(self, row: object) -> frozenset[str]:
        """Return the tags of a row that is being deleted."""
        return frozenset() if self.changes_only else self._tags(row, _old)

    def of_changed(self, row: object) -> frozenset[str]:
        """Return the old and new tags of a row, if any of ``columns`` has changed."""
        attributes = inspect(row, raiseerr=True).attrs
        if not any(attributes[name].history.has_changes() for name in self.columns):
            return frozenset()
        return self._tags(row, _old) | self._tags(row, _new)

    def _tags(self, row: object, pick: Callable[[History, object, str], Any]) -> frozenset[str]:
        attributes = inspect(row, raiseerr=True).attrs
        values = {name: pick(attributes[name].history, row, name) for name in self.keys}
        if any(isinstance(value, ClauseElement) for value in values.values()):
            return frozenset({model_tag(self.model)})
        return check_all(self.tags(RowKeys(self.model, values)))


def _old(history: History, row: object, name: str) -> Any:
    return history.deleted[0] if history.deleted else getattr(row, name)


def _new(history: History, row: object, name: str) -> Any:
    return history.added[0] if history.added else getattr(row, name)


class Declarations:
    """All declarations of an application, by model."""

    def __init__(self) -> None:
        self._by_model: dict[type, list[Declaration]] = {}
        self.expansions = TagExpansions()
        self._kinds: set[str] = set()
        self._resolve: Resolve | None = None
        self._purged_with: Callable[[str], Iterable[str]] = lambda _tag: ()
        self._info_key = f"moziweb.cache.flushed_tags.{id(self)}"

    def declare(
        self,
        model: type,
        *,
        columns: Sequence[str],
        keys: Sequence[str],
        tags: TagsOf,
        changes_only: bool = False,
    ) -> None:
        """Declare which ``columns`` of a model pages show, and the tags of a row.

        ``columns`` may also name relationships, for links that are not in a column of the row.
        ``tags`` gets an object with the attributes ``keys`` of the row. With ``changes_only``,
        inserted and deleted rows invalidate nothing by this declaration.
        """
        declaration = Declaration(model, tuple(columns), tuple(keys), tags, changes_only)
        if model in self._by_model:
            self._by_model[model].append(declaration)
            return
        self._by_model[model] = [declaration]
        event.listen(model, "before_update", self._before_update, propagate=True)
        event.listen(model, "before_delete", self._before_delete, propagate=True)

    def declare_tag_kinds(self, *kinds: str) -> None:
        """Add kinds of tags, besides ``model`` and the kinds of the expansions.

        Only a manual purge checks them: a tag of another kind is on no page, so it is a typing
        mistake.
        """
        self._kinds.update(kinds)

    def purge_with(self, others: Callable[[str], Iterable[str]]) -> None:
        """Let a manual purge of a tag include those that ``others`` returns for it.

        No write publishes these: they are for pages that depend on parts of what the tag names.
        """
        self._purged_with = others

    def purged(self, tags: Iterable[str]) -> frozenset[str]:
        """Return ``tags`` and those that a manual purge of them includes."""
        names = frozenset(tags)
        return names.union(*map(self._purged_with, names))

    def resolve_with(self, resolve: Resolve) -> None:
        """Let ``resolve`` replace the tags of each transaction, before they are recorded.

        It is called within the transaction, after its last flush, and may query what the tags are
        to depend on: "this list, if the movie is shown in it". It must lock the rows that it reads,
        so that what it sees is still true when the transaction commits.
        """
        self._resolve = resolve

    def resolved(self, connection: Connection, tags: Collection[str]) -> frozenset[str]:
        """Return the tags to record for a transaction that has collected ``tags``."""
        if self._resolve is None or not tags:
            return frozenset(tags)
        return check_all(self._resolve(connection, tags))

    def kinds(self) -> frozenset[str]:
        """Return every kind of tag that a write may invalidate."""
        return frozenset(self._kinds | self.expansions.kinds() | {MODEL})

    def models(self) -> tuple[type, ...]:
        """Return every declared model."""
        return tuple(self._by_model)

    def find(self, model: type) -> Sequence[Declaration]:
        """Return the declarations of a class, or of its nearest declared base class."""
        return next((self._by_model[base] for base in model.__mro__ if base in self._by_model), ())

    def of_table(self, table: object) -> Iterator[type]:
        """Yield the declared models that are mapped to a table."""
        for model in self._by_model:
            if isinstance(table, Table) and table in inspect(model, raiseerr=True).tables:
                yield model

    def check(self) -> None:
        """Raise ``ConfigurationError`` for an unknown attribute, or a key without its history."""
        for declaration in chain.from_iterable(self._by_model.values()):
            mapper: Mapper[Any] = inspect(declaration.model, raiseerr=True)
            for name in (*declaration.columns, *declaration.keys):
                if name not in mapper.attrs:
                    raise ConfigurationError(f"{declaration.model.__name__} has no {name!r} to tag")
            for name in declaration.keys:
                _check_history(declaration.model, mapper, name)

    def flushed_tags(self, session: Session) -> set[str]:
        """Return the tags of rows that the session's current flush updates or deletes."""
        tags: set[str] = session.info.setdefault(self._info_key, set())
        return tags

    def _before_update(self, mapper: object, connection: object, target: object) -> None:
        """Collect before the UPDATE: it expires values computed by the database, with history."""
        self._collect(target, Declaration.of_changed)

    def _before_delete(self, mapper: object, connection: object, target: object) -> None:
        """Collect before the DELETE: afterwards an expired row can no longer be loaded."""
        self._collect(target, Declaration.of_deleted)

    def _collect(self, row: object, tags: Callable[[Declaration, object], frozenset[str]]) -> None:
        session = object_session(row)
        if session is not None:
            for declaration in self.find(type(row)):
                self.flushed_tags(session).update(tags(declaration, row))


def _check_history(model: type, mapper: Mapper[Any], name: str) -> None:
    attribute = mapper.attrs[name]
    if not isinstance(attribute, ColumnProperty):
        raise ConfigurationError(
            f"{model.__name__}.{name} is not a column; tags can use only columns"
        )
    primary = all(column in mapper.primary_key for column in attribute.columns)
    if not primary and not attribute.active_history:
        raise ConfigurationError(
            f"{model.__name__}.{name} is used in tags: map it with active_history=True"
        )
