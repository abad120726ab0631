"""Which rows bear which tags: declared once for each model, next to it.

A declaration says which attributes a page can show (``columns``), and which tags a row's change
concerns (``tags``, a function of the row). State, lease and bookkeeping columns are left out: their
changes concern nobody. A change of any of ``columns`` invalidates the tags of the row as it was and
as it is now: a film that moves to another week leaves the page of the old one, too.

The function sees only the attributes named in ``keys``, and each of those must be mapped with
``active_history=True``. Without it, SQLAlchemy does not know the old value of an attribute that
was expired when it was set, and the old week would keep its page.

A model may be declared more than once: what a change of some columns concerns may be less than what
a change of others does.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import ClauseElement, Table, event, inspect
from sqlalchemy.orm import ColumnProperty, Mapper, Session, object_session
from sqlalchemy.orm.attributes import History

from ..errors import ConfigurationError
from ..protocol.tags import MODEL, check_all, model_tag
from .tag_expansion import TagExpansions


class RowKeys:
    """The key attributes of a row, as it was or as it is."""

    def __init__(self, model: type, values: Mapping[str, Any]) -> None:
        self._model = model
        self._values = values

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(
                f"tags of {self._model.__name__} are made of {name!r}: name it in `keys`"
            ) from None


TagsOf = Callable[[Any], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a model's rows bear."""

    model: type
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    tags: TagsOf
    changes_only: bool = False

    def of_new(self, row: object) -> frozenset[str]:
        """The tags of a row that has been inserted."""
        if self.changes_only:
            return frozenset()
        return self._tags(row, _new)

    def of_deleted(self, row: object) -> frozenset[str]:
        """The tags of a row that is being deleted."""
        if self.changes_only:
            return frozenset()
        return self._tags(row, _old)

    def of_changed(self, row: object) -> frozenset[str]:
        """The tags, old and new, of a row that may have changed; none if nothing shown has."""
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
    """The declarations of an application, found by a row's class or by a table."""

    def __init__(self) -> None:
        self._by_model: dict[type, list[Declaration]] = {}
        self.expansions = TagExpansions()
        self._kinds: set[str] = set()
        self._gathered = f"moziweb.cache.gathered.{id(self)}"

    def declare(
        self,
        model: type,
        *,
        columns: Sequence[str],
        keys: Sequence[str],
        tags: TagsOf,
        changes_only: bool = False,
    ) -> None:
        """Declare a model: what of it is shown, and the tags of a row, made of its ``keys``.

        ``columns`` may name relationships too, for links that no column of the row tells of.
        ``changes_only``: a row that is new or deleted concerns nobody by this declaration.
        """
        declaration = Declaration(model, tuple(columns), tuple(keys), tags, changes_only)
        if model in self._by_model:
            self._by_model[model].append(declaration)
            return
        self._by_model[model] = [declaration]
        event.listen(model, "before_update", self._before_update, propagate=True)
        event.listen(model, "before_delete", self._before_delete, propagate=True)

    def declare_tag_kinds(self, *kinds: str) -> None:
        """Tell which kinds of tags there are, besides models' own and those that stand for others.

        Nothing is refused for a kind that is not among them but a purge by hand: a tag that nobody
        spells is on no page, and whoever misspelt it is to be told.
        """
        self._kinds.update(kinds)

    def kinds(self) -> frozenset[str]:
        """Every kind of tag that a write may concern."""
        return frozenset(self._kinds | self.expansions.kinds() | {MODEL})

    def models(self) -> tuple[type, ...]:
        """Every declared model."""
        return tuple(self._by_model)

    def find(self, model: type) -> Sequence[Declaration]:
        """The declarations of a class, or of the nearest one it inherits from."""
        return next((self._by_model[base] for base in model.__mro__ if base in self._by_model), ())

    def of_table(self, table: object) -> Iterator[type]:
        """The declared models that live in a table."""
        for model in self._by_model:
            if isinstance(table, Table) and table in inspect(model, raiseerr=True).tables:
                yield model

    def check(self) -> None:
        """``ConfigurationError`` for an attribute that is not there, or forgets its old value."""
        for declaration in chain.from_iterable(self._by_model.values()):
            mapper: Mapper[Any] = inspect(declaration.model, raiseerr=True)
            for name in (*declaration.columns, *declaration.keys):
                if name not in mapper.attrs:
                    raise ConfigurationError(f"{declaration.model.__name__} has no {name!r} to tag")
            for name in declaration.keys:
                _check_history(declaration.model, mapper, name)

    def gathered(self, session: Session) -> set[str]:
        """The tags of rows that a session changes or deletes in its current flush."""
        tags: set[str] = session.info.setdefault(self._gathered, set())
        return tags

    def _before_update(self, mapper: object, connection: object, target: object) -> None:
        """Gather in time: the flush forgets a value that the database computes, and its history."""
        self._gather(target, Declaration.of_changed)

    def _before_delete(self, mapper: object, connection: object, target: object) -> None:
        """Gather in time: after the flush, an expired row could not be loaded any more."""
        self._gather(target, Declaration.of_deleted)

    def _gather(self, row: object, tags: Callable[[Declaration, object], frozenset[str]]) -> None:
        session = object_session(row)
        if session is not None:
            for declaration in self.find(type(row)):
                self.gathered(session).update(tags(declaration, row))


def _check_history(model: type, mapper: Mapper[Any], name: str) -> None:
    attribute = mapper.attrs[name]
    if not isinstance(attribute, ColumnProperty):
        raise ConfigurationError(
            f"{model.__name__}.{name} is not a column, so no tag is made of it"
        )
    primary = all(column in mapper.primary_key for column in attribute.columns)
    if not primary and not attribute.active_history:
        raise ConfigurationError(
            f"{model.__name__}.{name}: tags are made of it, so map it with active_history=True"
        )
