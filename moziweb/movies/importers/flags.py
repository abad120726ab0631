"""Names what an import would add beside the movies: genres, companies, people like existing ones.

A person has to see such names before they are made: a typing error makes a second distributor.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.i18n import _
from moziweb.movies.collation import sort_key
from moziweb.movies.models import Distributor, Genre, Person, StreamingService
from moziweb.movies.slugs import MAX_NAME_SLUG_LENGTH, slug_of
from moziweb.movies.text_folding import fold

from .candidate import GenreFact, PersonFact
from .namesakes import Namesakes, is_other
from .planning import Effect, Plan
from .problems import Problem

SIMILARITY: Final = 0.85
"""The least ratio (of ``difflib``) of two names that may be one: "Vertigo Media Kft."."""

_MAX_SIMILAR: Final = 3

_NEW: Final = {
    "genres": _("a new genre: ${name}"),
    "distributor": _("a new distributor: ${name}"),
    "service": _("a new streaming service: ${name}"),
}
_ALIKE: Final = {
    "genres": _("a new genre: ${name}; there is ${similar}"),
    "distributor": _("a new distributor: ${name}; there is ${similar}"),
    "service": _("a new streaming service: ${name}; there is ${similar}"),
}
_LIKE_A_PERSON: Final = _("a new person: ${name}; there is ${similar}")
_LIKE_ANOTHER: Final = _("a new person: ${name}; there is ${similar}, with another TMDB id")

_BATCH: Final = 2_000
"""Rows of people that are read at once."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The existing names of a kind, and whether a name is one of them."""

    names: Sequence[str]
    keys: frozenset[str]
    by_slug: bool

    def has(self, name: str) -> bool:
        return (slug_of(name, MAX_NAME_SLUG_LENGTH) if self.by_slug else name) in self.keys

    def similar(self, name: str) -> list[str]:
        """Return the names that may be meant."""
        by_fold = {fold(each): each for each in self.names}
        close = get_close_matches(fold(name), by_fold, _MAX_SIMILAR, SIMILARITY)
        return [by_fold[each] for each in close]


def flagged(session: Session, plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans with their flags. At most five queries for any number of plans."""
    writing = [plan for plan in plans if plan.effect in {Effect.NEW, Effect.CHANGED}]
    names = {kind: {*_names(writing, kind)} for kind in _NEW}
    texts = {
        (kind, name): text
        for kind, wanted in names.items()
        if wanted
        for name, text in _texts(kind, wanted, _known(session, kind))
    }
    people = _people_like(session, {*_new_people(writing)})
    found = []
    for plan in plans:
        flags = [
            Problem.about(plan.candidate.place, kind, texts[kind, name])
            for kind in _NEW
            for name in dict.fromkeys(_names([plan], kind))
            if (kind, name) in texts
        ]
        flags += [
            Problem.about(plan.candidate.place, "people", people[name])
            for name in dict.fromkeys(_new_people([plan]))
            if name in people
        ]
        found.append(replace(plan, flags=tuple(flags)) if flags else plan)
    return found


def _names(plans: Iterable[Plan], kind: str) -> Iterator[str]:
    for plan in plans:
        if kind == "service":
            yield from (step.after.service for step in plan.steps if step.after.service)
        elif kind == "genres":
            facts: Iterable[GenreFact] = plan.values.get("genres", ())
            yield from (each.name for each in facts)
        elif kind in plan.values:
            yield plan.values[kind]


def _known(session: Session, kind: str) -> _Known:
    model: Any = {"genres": Genre, "distributor": Distributor, "service": StreamingService}[kind]
    by_slug = kind != "distributor"
    rows = session.execute(select(model.name, model.slug if by_slug else model.name)).all()
    return _Known([name for name, _key in rows], frozenset(key for _name, key in rows), by_slug)


def _texts(kind: str, names: Iterable[str], known: _Known) -> Iterator[tuple[str, str]]:
    for name in names:
        if known.has(name):
            continue
        similar = known.similar(name)
        mapping = {"name": name, "similar": ", ".join(similar)}
        yield name, _(_ALIKE[kind] if similar else _NEW[kind], mapping=mapping)


def _new_people(plans: Iterable[Plan]) -> Iterator[PersonFact]:
    for plan in plans:
        for kind in ("directors", "cast"):
            facts: Iterable[PersonFact] = plan.values.get(kind, ())
            yield from (replace(each, character="") for each in facts)


def _people_like(session: Session, people: set[PersonFact]) -> Mapping[PersonFact, str]:
    """Return a text for each person who is not there, if one of nearly the same name is."""
    if not people:
        return {}
    ids = sorted(each.tmdb_id for each in people if each.tmdb_id is not None)
    there = {*session.scalars(select(Person.tmdb_id).where(Person.tmdb_id.in_(ids)))}
    alike = Namesakes(each for each in people if each.tmdb_id not in there or not each.tmdb_id)
    rows = session.execute(select(Person.name, Person.search_text, Person.tmdb_id))
    for name, text, tmdb_id in rows.yield_per(_BATCH):
        alike.compare(name, text, tmdb_id)
    return {fact: _like_people(fact, names) for fact, names in alike.found.items()}


def _like_people(fact: PersonFact, names: Mapping[str, int | None]) -> str:
    known = sorted(names, key=sort_key)[:_MAX_SIMILAR]
    others = [each for each in known if is_other(fact.tmdb_id, names[each])]
    mapping = {"name": fact.name, "similar": ", ".join(known)}
    text = _LIKE_ANOTHER if len(others) == len(known) else _LIKE_A_PERSON
    found: str = _(text, mapping=mapping)
    return found
