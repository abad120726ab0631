"""Writes an import's plan in one session.

Assigns only values that differ, so that only the pages that show them become stale.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.db.meta import Base
from moziweb.movies.models import (
    Credit,
    CreditRole,
    Distributor,
    FieldProvenance,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    PremiereChange,
    Rating,
    StreamingService,
    Trailer,
    VideoSite,
)
from moziweb.movies.slugs import slug_of

from .candidate import CSV, TMDB, Candidate, GenreFact, PersonFact, PremiereFact, TrailerFact
from .fields import COLUMNS
from .models import MovieReference
from .planning import Plan
from .poster_port import PosterPort
from .premieres import Step

REASONS: Final[Mapping[str, str]] = {
    TMDB: "Új dátum a TMDB szerint",
    CSV: "Új dátum a forgalmazó listája szerint",
}
"""Why a premiere moved, as visitors are told; an editor may say it better."""

Row = TypeVar("Row", bound=Base)


@dataclass(frozen=True, slots=True)
class ImportWriter:
    """One film being written: the session, the film, whose word it is and when that was given."""

    session: Session
    movie: Movie
    candidate: Candidate
    now: datetime
    shelf: PosterPort

    @property
    def fetched_at(self) -> datetime:
        """When the candidate's source said all this."""
        return self.candidate.fetched_at or self.now


def new_movie(candidate: Candidate) -> Movie:
    """A film with nothing but a title, its relations known to be empty."""
    title = candidate.title
    return Movie(
        title=title, original_title=title, slug=slug_of(title),
        genre_links=[], credits=[], premieres=[], trailers=[], provenance=[],
    )  # fmt: skip


def write_plan(writing: ImportWriter, plan: Plan) -> None:
    """Do what the plan says; ``writing.movie`` is loaded whole, or new.

    The film's own row is written once and then what belongs to it, in two flushes.
    """
    with writing.session.no_autoflush:
        _write_movie(writing, plan)
        _write_parts(writing, plan)
    writing.session.flush()


def _write_movie(writing: ImportWriter, plan: Plan) -> None:
    for name, value in plan.values.items():
        if name in COLUMNS:
            _write_column(writing, name, value)
        elif name == "distributor":
            writing.movie.distributor_id = _named(writing.session, Distributor, value).id
    writing.session.add(writing.movie)
    writing.session.flush()


def _write_parts(writing: ImportWriter, plan: Plan) -> None:
    for name, value in plan.values.items():
        if name not in COLUMNS and name != "distributor":
            _WRITERS[name](writing, name, value)
    for step in plan.steps:
        _take_step(writing, step)
    _sign(writing, {*plan.values, *(["premieres"] if plan.steps else [])})
    _renew(writing, plan.renewed)
    if not plan.referenced:
        candidate = plan.candidate
        writing.session.add(
            MovieReference(
                list_name=candidate.list_name, ref=candidate.ref, movie_id=writing.movie.id
            )
        )


def _write_column(writing: ImportWriter, name: str, value: Any) -> None:
    movie = writing.movie
    if name == "title" and movie.slug == slug_of(movie.title):
        movie.slug = slug_of(value)  # one that was made otherwise stays
    setattr(movie, name, Rating(value) if name == "rating" else value)


def _write_genres(writing: ImportWriter, _name: str, value: Sequence[GenreFact]) -> None:
    genres = [_genre(writing.session, fact) for fact in value]
    links = {link.genre_id: link for link in writing.movie.genre_links}
    wanted = dict.fromkeys(genre.id for genre in genres)
    for genre_id in links.keys() - wanted.keys():
        writing.movie.genre_links.remove(links[genre_id])
    for position, genre_id in enumerate(wanted):
        link = links.get(genre_id)
        if link is None:
            link = MovieGenre(movie_id=writing.movie.id, genre_id=genre_id)
            writing.movie.genre_links.append(link)
        link.position = position


def _genre(session: Session, fact: GenreFact) -> Genre:
    slug = slug_of(fact.name)
    found = session.scalar(select(Genre).where(Genre.slug == slug))
    return found or _added(session, Genre(slug=slug, name=fact.name, name_en=fact.name_en))


def _write_people(writing: ImportWriter, name: str, value: Sequence[PersonFact]) -> None:
    """Credits are changed in place: their positions are unique at every moment."""
    role = CreditRole.DIRECTOR if name == "directors" else CreditRole.CAST
    standing = [credit for credit in writing.movie.credits if credit.role is role]
    mine = {credit.person.name: credit.person for credit in standing}
    people = [_person(writing.session, fact, mine) for fact in value]
    for credit in standing[len(value) :]:
        writing.movie.credits.remove(credit)
    for position, (fact, person) in enumerate(zip(value, people, strict=True)):
        if position < len(standing):
            credit = standing[position]
        else:
            credit = Credit(movie_id=writing.movie.id, role=role)
            writing.movie.credits.append(credit)
        credit.person_id, credit.position = person.id, position
        credit.character = fact.character


def _person(session: Session, fact: PersonFact, credited: Mapping[str, Person]) -> Person:
    """Whom TMDB's id names, or who is credited here by that name already, or somebody new.

    People of one name elsewhere may be others.
    """
    if fact.tmdb_id is not None:
        found = session.scalar(select(Person).where(Person.tmdb_id == fact.tmdb_id))
        if found is not None:
            return found
    here = credited.get(fact.name)
    if here is not None and None in (here.tmdb_id, fact.tmdb_id):
        here.tmdb_id = here.tmdb_id or fact.tmdb_id
        return here
    return _added(session, Person(name=fact.name, tmdb_id=fact.tmdb_id))


def _write_trailers(writing: ImportWriter, _name: str, value: Sequence[TrailerFact]) -> None:
    trailers = writing.movie.trailers
    standing: dict[tuple[str, str], Trailer] = {(row.site, row.video_id): row for row in trailers}
    wanted = {(fact.site, fact.video_id): fact for fact in value}
    for key in standing.keys() - wanted.keys():
        writing.movie.trailers.remove(standing[key])
    for position, (key, fact) in enumerate(wanted.items()):
        trailer = standing.get(key)
        if trailer is None:
            trailer = Trailer(
                movie_id=writing.movie.id, site=VideoSite(fact.site), video_id=fact.video_id
            )
            writing.movie.trailers.append(trailer)
        trailer.name, trailer.language, trailer.position = fact.name, fact.language, position


def _write_poster(writing: ImportWriter, _name: str, value: str) -> None:
    writing.shelf.offer(
        writing.session, writing.movie.id, value, writing.candidate.source, writing.fetched_at
    )


def _take_step(writing: ImportWriter, step: Step) -> None:
    after = step.after
    if step.before is None:
        premiere = Premiere(movie_id=writing.movie.id, changes=[])
        writing.movie.premieres.append(premiere)
    else:
        premiere = next(each for each in writing.movie.premieres if each.id == step.before.id)
    if step.moved:
        premiere.changes.append(
            PremiereChange(
                changed_at=writing.now,
                old_date=premiere.date,
                old_precision=premiere.precision,
                reason=REASONS[writing.candidate.source],
            )
        )
    _write_premiere(writing.session, premiere, after)


def _write_premiere(session: Session, premiere: Premiere, fact: PremiereFact) -> None:
    premiere.date, premiere.precision = fact.date, fact.precision
    premiere.kind, premiere.rerelease, premiere.note = fact.kind, fact.rerelease, fact.note
    if fact.formats is not None or premiere.formats is None:
        premiere.formats = fact.formats or ()
    if fact.service:
        premiere.service_id = _named(
            session, StreamingService, fact.service, slug=slug_of(fact.service)
        ).id


def _sign(writing: ImportWriter, names: set[str]) -> None:
    """Note whose values these are and when they were fetched."""
    rows = {row.field: row for row in writing.movie.provenance}
    for name in sorted(names):
        row = rows.get(name)
        if row is None:
            row = FieldProvenance(movie_id=writing.movie.id, field=name)
            writing.movie.provenance.append(row)
        row.source, row.fetched_at = writing.candidate.source, writing.fetched_at


def _renew(writing: ImportWriter, names: Sequence[str]) -> None:
    for row in writing.movie.provenance:
        if row.field in names:
            row.fetched_at = writing.fetched_at
    if "poster" in names:
        url = writing.candidate.values["poster"]
        writing.shelf.renew(writing.session, writing.movie.id, url, writing.fetched_at)


def _named(session: Session, model: Any, name: str, **values: Any) -> Any:
    found = session.scalar(select(model).where(model.name == name))
    return found or _added(session, model(name=name, **values))


def _added(session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row


_WRITERS: Final[Mapping[str, Callable[[ImportWriter, str, Any], None]]] = {
    "genres": _write_genres,
    "directors": _write_people,
    "cast": _write_people,
    "trailers": _write_trailers,
    "poster": _write_poster,
}
