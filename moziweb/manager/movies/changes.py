"""What a change does to movies: their states before and after, for audit entries.

An entry has texts of the changed fields for people, and their values, from which a change can be
taken back.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from moziweb.movies.models import (
    Audio,
    DatePrecision,
    Genre,
    Movie,
    PremiereKind,
    Rating,
    VideoSite,
)
from moziweb.movies.movie_rows import relations
from moziweb.posters.models import PosterSource

from ..audit.log import Actor, Change, Subject, record
from ..audit.models import AuditEntry
from ..audit.name_entries import record_names
from ..audit.snapshot import TableRows, plain, snapshot_of
from .text import field_text
from .values import EDITED_FIELDS, MovieValues, PersonLine, PremiereLine, TrailerLine, values_of

PUBLISHED: Final = "published"
CHOSEN_POSTER: Final = "poster"
SOURCES: Final = "sources"
EXISTS: Final = "exists"
_IMPORTED: Final = "moziweb.manager.imported"

REMOVED: Final = "removed"
"""The key of removed premieres, with their history, beside ``before`` and ``after``."""

DISTRIBUTOR_IDS: Final = "ids"
"""The key of a distributor's ids beside ``before`` and ``after``, which are names."""

ORIGINS: Final = "origins"
"""The key of the origins of changed fields: the source and the time of the fetch, or None."""

STATE_FIELDS: Final = (*EDITED_FIELDS, PUBLISHED, CHOSEN_POSTER, SOURCES)
"""The fields of a movie that audit entries compare."""

GenreNames = Mapping[int, str]


@dataclass(frozen=True, slots=True)
class MovieState:
    """A movie at a moment: its fields, its poster sources, the source that was chosen last.

    ``premieres`` are the rows of its premieres, with their histories, by id; ``origins`` are the
    source and the time of the fetch of each field that has them.
    """

    values: MovieValues = field(default_factory=MovieValues)
    published: bool = False
    poster: int | None = None
    sources: tuple[int, ...] = ()
    premieres: Mapping[int, TableRows] = field(default_factory=dict)
    distributor_id: int | None = None
    origins: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    exists: bool = False

    def value(self, name: str) -> Any:
        """Returns the value of a field."""
        return getattr(self if name not in EDITED_FIELDS else self.values, name)

    def text(self, name: str, genres: GenreNames) -> str:
        """Returns the value of a field as text."""
        if name in EDITED_FIELDS:
            return field_text(self.values, name, genres)
        value = self.value(name)
        if name == PUBLISHED:
            return mark(value) if self.exists else ""
        ids = value if isinstance(value, tuple) else (value,)
        return " ".join(f"#{each}" for each in ids if each)


ABSENT: Final = MovieState()
"""The state of a movie that does not exist."""


def mark(value: bool) -> str:
    """A yes or no in the audit log."""
    return "✓" if value else "–"


def states(session: Session, movie_ids: Collection[int]) -> dict[int, MovieState]:
    """Returns the states of the movies that exist. Eight queries at most."""
    movies = session.scalars(
        select(Movie)
        .where(Movie.id.in_(movie_ids))
        .options(*relations())
        .execution_options(populate_existing=True)
    ).all()
    return loaded_states(session, movies)


def loaded_states(session: Session, movies: Sequence[Movie]) -> dict[int, MovieState]:
    """Returns the states of movies that are loaded with their relations. One query."""
    sources: dict[int, list[PosterSource]] = {movie.id: [] for movie in movies}
    query = select(PosterSource).where(PosterSource.movie_id.in_(sources))
    for source in session.scalars(query.order_by(PosterSource.id)):
        sources[source.movie_id].append(source)
    return {movie.id: _state(movie, sources[movie.id]) for movie in movies}


def _state(movie: Movie, sources: Sequence[PosterSource]) -> MovieState:
    chosen = next((each.id for each in sources if each.chosen), None)
    return MovieState(
        values=values_of(movie),
        published=movie.published,
        poster=next((each.id for each in sources if each.choose_when_ready), chosen),
        sources=tuple(each.id for each in sources),
        premieres={each.id: snapshot_of([each, *each.changes]) for each in movie.premieres},
        distributor_id=movie.distributor_id,
        origins={each.field: (each.source, plain(each.fetched_at)) for each in movie.provenance},
        exists=True,
    )


def genre_names(session: Session) -> dict[int, str]:
    """Returns the Hungarian names of all genres by id."""
    return {row.id: row.name for row in session.execute(select(Genre.id, Genre.name))}


def changed_fields(before: MovieState, after: MovieState) -> tuple[str, ...]:
    """Returns the names of the fields that differ."""
    return tuple(name for name in STATE_FIELDS if before.value(name) != after.value(name))


def texts(before: MovieState, after: MovieState, genres: GenreNames) -> list[Change]:
    """Returns the differences as texts."""
    found = ((n, before.text(n, genres), after.text(n, genres)) for n in STATE_FIELDS)
    return [change for change in found if change[1] != change[2]]


def recorded(before: MovieState, after: MovieState) -> dict[str, dict[str, Any]]:
    """Returns the differences as values for JSON, for ``AuditEntry.fields``."""
    found = {
        name: {"before": json_of(before.value(name)), "after": json_of(after.value(name))}
        for name in changed_fields(before, after)
    }
    if removed := [rows for each, rows in before.premieres.items() if each not in after.premieres]:
        found["premieres"][REMOVED] = removed
    if "distributor" in found:
        ids = {"before": before.distributor_id, "after": after.distributor_id}
        found["distributor"][DISTRIBUTOR_IDS] = ids
    if before.exists and after.exists and (origins := _origins(before, after, found)):
        found[ORIGINS] = origins
    if before.exists != after.exists:
        found[EXISTS] = {"before": before.exists, "after": after.exists}
    return found


def _origins(
    before: MovieState, after: MovieState, fields: Collection[str]
) -> dict[str, dict[str, Any]]:
    """The origins of changed fields, also of those that stay: taking back writes the fields.

    It does not write the origin of the poster, which imports alone have given.
    """
    names = [name for name in EDITED_FIELDS if name in fields]
    has_pictures = SOURCES in fields or CHOSEN_POSTER in fields
    if has_pictures and before.origins.get(CHOSEN_POSTER) != after.origins.get(CHOSEN_POSTER):
        names.append(CHOSEN_POSTER)
    both = ("before", before), ("after", after)
    return {
        when: {name: state.origins.get(name) for name in names} for when, state in both if names
    }


class AuditedMovies:
    """Movies in a transaction that changes them: created before the change, recorded after it."""

    def __init__(
        self, session: Session, movie_ids: Collection[int], before: MovieState | None = None
    ) -> None:
        """``before`` is the state of all of them if it is known."""
        self._session = session
        self._ids = sorted(movie_ids)
        known = dict.fromkeys(self._ids, before) if before else states(session, self._ids)
        self._before: dict[int, MovieState] = {
            each: known.get(each) or ABSENT for each in self._ids
        }

    def fields(self) -> dict[str, dict[str, Any]]:
        """Flushes the change of the only movie and returns its differences, for an entry."""
        self._session.flush()
        (movie_id,) = self._ids
        after = states(self._session, self._ids).get(movie_id, ABSENT)
        return recorded(self._before[movie_id], after)

    def record(
        self,
        by: Actor,
        action: str,
        now: datetime,
        *,
        batch: str = "",
        undoes: int | None = None,
        always: bool = False,
        with_names: bool = True,
    ) -> list[AuditEntry]:
        """Flushes the change and adds an entry for each movie that differs, or for each one.

        With ``with_names``, also entries of the names that the change has made.
        """
        self._session.flush()
        found, genres = states(self._session, self._ids), genre_names(self._session)
        entries = []
        for movie_id in self._ids:
            before, after = self._before[movie_id], found.get(movie_id, ABSENT)
            fields = recorded(before, after)
            if not fields and not always:
                continue
            name = (after if after.exists else before).values.title
            subject = Subject("film", name, movie_id)
            changes = texts(before, after, genres)
            entry = record(
                self._session, by, action, subject, now, changes,
                fields=fields, batch=batch, undoes=undoes,
            )  # fmt: skip
            entries.append(entry)
        self._session.flush()
        if entries and with_names:
            record_names(self._session, entries, by, now)
        return entries


def before_import(session: Session, movie_id: int | None) -> None:
    """Keeps the state of a movie that an import is about to write, for `imported_fields`."""
    session.info[_IMPORTED] = AuditedMovies(session, [movie_id]) if movie_id else None


def imported_fields(session: Session, movie: Movie) -> dict[str, dict[str, Any]]:
    """Returns what an import has changed, for its audit entry."""
    audited = session.info.pop(_IMPORTED, None)
    return (audited or AuditedMovies(session, [movie.id], before=ABSENT)).fields()


def json_of(value: Any) -> Any:
    """Returns the value of a field for JSON."""
    if isinstance(value, tuple):
        return [json_of(each) for each in value]
    if isinstance(value, PersonLine | PremiereLine | TrailerLine):
        return {name: plain(each) for name, each in asdict(value).items()}
    return plain(value)


def value_of_json(name: str, value: Any) -> Any:
    """Returns the value of a field from JSON; raises ``ValueError`` for an unknown enum value."""
    if isinstance(value, list):
        return tuple(_LINES[name](each) if name in _LINES else each for each in value)
    return Rating(value) if name == "rating" and value is not None else value


def _person(line: Mapping[str, Any]) -> PersonLine:
    return PersonLine(**line)


def _premiere(line: Mapping[str, Any]) -> PremiereLine:
    return PremiereLine(**{
        **line,
        "date": date.fromisoformat(line["date"]),
        "kind": PremiereKind(line["kind"]),
        "precision": DatePrecision(line["precision"]),
        "formats": tuple(line["formats"]),
        "audio": Audio(line["audio"]) if line["audio"] else None,
    })  # fmt: skip


def _trailer(line: Mapping[str, Any]) -> TrailerLine:
    return TrailerLine(**{**line, "site": VideoSite(line["site"])})


_LINES: Final[Mapping[str, Any]] = {
    "directors": _person,
    "cast": _person,
    "premieres": _premiere,
    "trailers": _trailer,
}
