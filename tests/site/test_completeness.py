"""Audit of cache invalidation: a change of any column invalidates exactly the pages that show it.

Presenters record dependencies by hand. This audit finds missing and needless ones: it changes every
column of every row, each in a transaction of its own. After each change, every page of a site with
a cache must be equal to the page of a site without one (no missing invalidation), and a page that
did not change must be a hit (no needless invalidation). Exceptions are listed with their reasons.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session, selectinload
from webtest import TestApp

from moziweb.db.meta import Base
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.names.kinds import NAME_MODELS, NamedKind
from moziweb.manager.names.merging import merge_names
from moziweb.movies.models import (
    Credit,
    Distributor,
    FieldProvenance,
    FormerAddress,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    PremiereChange,
    StreamingService,
    Trailer,
)
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.generation.upload_store import store_upload
from moziweb.posters.models import (
    PosterSource,
    PosterVariant,
    SharePicture,
    SourceKind,
    SourceState,
)
from moziweb.services import services_of
from tests import factories
from tests.conftest import BASE_URL
from tests.posters.conftest import picture as poster_picture
from tests.registry import page_cache_of

from .cached import (
    CACHED,
    FILTERED,
    Movies,
    Paths,
    every_page,
    feeds,
    fill,
    half_of,
    now,
    ready_variant,
    site,
    week_here,
    write,
)

# New values of columns with a restricted format.
NEW_VALUES: dict[str, Any] = {
    "website": "https://example.com/other",
    "countries": ("FR",),
    "languages": ("fr",),
    "formats": ("IMAX",),
    "site": "Vimeo",
    "dominant_colour": "#ff0000",
    "sketch": "f00" * 12,
    "source_sha256": "1" * 64,
    "sha256": "1" * 64,
    "source": "tmdb",
    "language": "en",
}
# Bookkeeping columns that no page may depend on, and a link that has its own test below.
SKIPPED = frozenset({"lease_token", "lease_until", "next_attempt_at", "service_id"})

ABOVE = "moziweb.manager."

# Changes that remove a row from its pages permanently; they come last.
HIDE = frozenset(
    {"published", "slug", "cancelled_at", "chosen", "state", "subject", "locale", "digest"}
)
# Rows that no page reads.
NOT_SHOWN = frozenset(
    {
        *("HeldObject", "ImportCheckpoint", "ListFormat", "MovieReference", "PendingUpload"),
        *("CacheAdvice", "CacheReadMinute", "PerformanceMinute", "PosterHost"),
    }
)

# Needless renders that are accepted, with the reason.
FACETS = {"genre", "person", "distributor", "service"}
IN_HUNGARIAN = {
    "index", "week", "ahead", "month", "year", "undated", "movie", "other", "empty", "genres",
    "watchlist", "calendar_page", *FACETS, *FILTERED,
}  # fmt: skip
SHOW_LISTED = {"index", "english", "week", "month", "year", *FACETS}
ALL_PREMIERES = {"calendar_page", "changes"}
SHOW_GENRES = {*SHOW_LISTED, *FILTERED, "calendar_page", "watchlist", "ahead", "movie", "other"}
PREMIERE_BLOCKS = {"v1_premieres", "v1_block", "v1_filtered"}
PEOPLE = frozenset({"v1_people", "v1_last_people"})
# A list of several filters has the tag of the list of one of them. Empty ones lead to the nearest
# premieres.
SEVERAL, EMPTY = {"month_rated"}, {"year_imax", "empty_filtered"}
ALLOWED: dict[str, frozenset[str]] = {
    # Tags do not distinguish languages.
    "Genre.name": frozenset({"english"}),
    "Genre.name_en": frozenset(IN_HUNGARIAN),
    "Movie.synopsis_en": frozenset({*IN_HUNGARIAN, "api"}),
    # A changed position may not change the order.
    "MovieGenre.position": frozenset(SHOW_GENRES | PREMIERE_BLOCKS | {"api", "api_movie"}),
    "Credit.position": frozenset((SHOW_GENRES | {"api_movie"}) - {"calendar_page"}),
    "Trailer.position": frozenset({"movie", "other", "api_movie"}),
    # Only the JSON-LD of the page has it.
    "Trailer.published_at": frozenset({"api_movie", "v1_movie"}),
    # Directors have no character: only those of the cast are shown.
    "Credit.character": frozenset({"movie", "other", "api_movie"}),
    # The JSON of a movie records the same tags as its page, which shows more.
    "FieldProvenance.source": frozenset({"api_movie", "v1_movie"}),
    "FieldProvenance deleted": frozenset({"api_movie", "v1_movie"}),
    "Premiere.note": frozenset({"api_movie"}),
    "PremiereChange deleted": frozenset({"api_movie"}),
    **{
        f"PremiereChange.{name}": frozenset({"api_movie"})
        for name in ("changed_at", "old_date", "old_precision", "reason")
    },
    # A move is marked for 14 days; another day may be among them.
    "PremiereChange.changed_at": frozenset(
        {*SHOW_LISTED, *FILTERED, "api_movie", "ahead", "watchlist"}
    ),
    # Size and colours of a source share a tag; the JSON shows neither.
    "PosterSource.width": frozenset({"api", "api_movie"}),
    "PosterSource.height": frozenset({"api", "api_movie"}),
    "PosterSource.dominant_colour": frozenset({"api", "api_movie"}),
    # Shares the tag of size and colour, which lists show.
    "PosterSource.sketch": frozenset({*SHOW_LISTED, *FILTERED, "watchlist"}),
    # The URLs of the storage on disk have no bucket.
    "SharePicture.bucket": frozenset({"movie", "week"}),
    # Titles in both languages share a tag, and these pages are in Hungarian.
    "Movie.original_title": frozenset(ALL_PREMIERES),
    # The tag of a list covers dates and kinds of premieres; an empty week shows only dates.
    "Premiere.kind": frozenset({"empty", "years", "watchlist", "v1_filtered", *SEVERAL, *EMPTY}),
    "Premiere.cancelled_at": frozenset({"empty", "watchlist"}),
    # The order of the only movie of a day does not change.
    "Movie.sort_key": frozenset(
        {"index", "english", "week", "ahead", "month", "year", "api", "movie", "other", *FILTERED}
    ),
    "Movie.title": frozenset(SEVERAL),
    "Movie.rating": frozenset({"v1_filtered", *SEVERAL}),
    # A premiere may move within its year.
    "Premiere.date": frozenset({"years", "v1_person", "v1_filtered", *SEVERAL, *EMPTY}),
    # A cached 404 is invalidated when any movie is published or withdrawn.
    "Movie.published": frozenset(
        {
            *("movie", "api_movie", "v1_filtered", "v1_movies", "v1_last_movies", "v1_people"),
            *SEVERAL,
            *EMPTY,
        }
    ),
    # A card shows only the latest move of its premiere.
    "PremiereChange.premiere_id": frozenset({"api_movie", "ahead", "week", "watchlist"}),
    # Deleting a premiere may make its movie undated; this movie has other premieres.
    # It counts for its year under each of them.
    "Premiere.movie_id": frozenset(
        {
            "index",
            "english",
            "undated",
            "api",
            "empty",
            "years",
            "v1_block",
            "v1_filtered",
            "v1_person",
            "calendar_page",
            "watchlist",
            *SEVERAL,
        }
    ),
    # The list has a tag for its last ids together.
    "person merged": PEOPLE,
    "genre merged": frozenset(ALL_PREMIERES),
    # A movie's distributor shares a tag with its ids.
    "distributor merged": frozenset(PREMIERE_BLOCKS),
    # Shares the tag of the set of genres, which every write of a genre's address changes.
    "FormerAddress.row_id": frozenset(IN_HUNGARIAN | {"english", "v1_genres", "years"}),
    # The person may have another credit of the movie, or is not its director: a movie's page lists
    # what its directors have directed.
    "Credit.person_id": frozenset({"person", "movie", "other", *PEOPLE}),
    # Lists of people show neither roles nor how many there are.
    "Credit.role": PEOPLE,
    "Credit deleted": PEOPLE,
    # Another movie has the distributor.
    "Movie.distributor_id": frozenset({"v1_distributors"}),
    "Premiere deleted": frozenset(
        {
            *("index", "english", "undated", "api", "v1_person", "calendar_page", "watchlist"),
            *PREMIERE_BLOCKS,
            *SEVERAL,
        }
    ),
    "Premiere.precision": frozenset(
        {
            "index",
            "english",
            "undated",
            "api",
            "years",
            "v1_person",
            "v1_block",
            "v1_filtered",
            *SEVERAL,
            *EMPTY,
        }
    ),
}


def shown_pages(movies: Movies) -> dict[str, str]:
    """The path of one page of each kind, and former addresses of rows."""
    return {
        **every_page(movies),
        "former_person": "/person/900000-x",
        "former_genre": "/genre/regi",
        "v1_former_person": "/api/v1/people/900000",
        "v1_former_genre": "/api/v1/premieres?genre=regi&limit=1",
    }


def half(app: TestApp, paths: Paths = shown_pages) -> Paths:
    """A half of these pages on each database."""

    def found(movies: Movies) -> dict[str, str]:
        every = paths(movies)
        names = half_of(app, every)
        return {name: path for name, path in every.items() if name in names}

    return found


@pytest.fixture
def movies(dbsession: Session) -> Movies:
    movies = fill(dbsession)
    dbsession.add(ready_variant(movies))
    genre = dbsession.scalars(select(Genre.id)).one()
    dbsession.add(FormerAddress(table_name="genre", key="regi", row_id=genre))
    dbsession.add(FormerAddress(table_name="person", key="#900000", row_id=movies.person))
    dbsession.commit()
    return movies


@pytest.fixture
def plain(settings: dict[str, str]) -> Iterator[TestApp]:
    with site(settings) as app:
        yield app


@pytest.fixture
def cached(settings: dict[str, str], movies: Movies) -> Iterator[TestApp]:
    with site(settings | CACHED) as app:
        yield app


def changed(column: Any, value: Any) -> Any:
    """Another valid value of the column."""
    if column.name in NEW_VALUES:
        return NEW_VALUES[column.name]
    match value:
        case bool():
            return not value
        case StrEnum():
            return next(member for member in type(value) if member is not value)
        case int() | float():
            return value + 1
        case datetime():
            return value + timedelta(days=1)
        case date():
            return value + timedelta(days=7)
        case str():
            length = getattr(column.type, "length", None)
            return f"{value[: length - 1] if length else value}x"
    return None


def columns(model: type[Base]) -> Iterator[Any]:
    """The columns of a model that are changed by the audit."""
    attributes = inspect(model).column_attrs
    for attribute in sorted(attributes, key=lambda each: each.key in HIDE):
        (column,) = attribute.columns
        if not (column.primary_key or column.foreign_keys or column.name in SKIPPED):
            yield column


def cases() -> list[tuple[str, str]]:
    """Every model and column, except those of packages that the site must not import."""
    below = (m for m in Base.registry.mappers if not m.class_.__module__.startswith(ABOVE))
    models = sorted(below, key=lambda mapper: mapper.class_.__name__)
    return [
        (mapper.class_.__name__, column.name)
        for mapper in models
        for column in columns(mapper.class_)
    ]


@pytest.mark.parametrize("model_name", sorted({name for name, _ in cases()}))
def test_change_invalidates_exactly_the_pages_that_it_changes(
    model_name: str, cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    model = next(m.class_ for m in Base.registry.mappers if m.class_.__name__ == model_name)
    if model is SharePicture:
        _draw_pictures(plain, movies)
    audit = Audit(cached, plain, movies)
    identities = _audited(cached, model)
    seen = 0
    for column in columns(model):
        for identity in identities:
            seen += _change(cached, model, identity, column)
            audit.compare(f"{model_name}.{column.name}")
    assert seen > 0 or model_name in NOT_SHOWN
    assert not audit.needless(), audit.needless()


def _draw_pictures(app: TestApp, movies: Movies) -> None:
    """Request the pictures of links to a movie and to a week, which draws them.

    They are stored only with their posters, or without one that has failed permanently.
    """

    def fail(session: Session) -> None:
        source = session.get_one(PosterSource, movies.source)
        source.state, source.next_attempt_at = SourceState.FAILED, now() + timedelta(days=7)

    write(app, fail)
    key, stored = str(ready_variant(movies).key), services_of(app.app.registry).storage
    stored.put(key, poster_picture(), content_type="image/jpeg", cache_control="public")
    with closing(services_of(app.app.registry).decoder_pool):
        for name in ("movie", "week"):
            image = app.get(every_page(movies)[name]).html.find("meta", property="og:image")
            app.get(image["content"].removeprefix(BASE_URL), status=302)


@pytest.mark.parametrize(
    "model",
    [Movie, Premiere, PremiereChange, Genre, StreamingService, Credit, Person, Distributor],
)
def test_no_feed_is_stale(
    model: type[Base], cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    """Needless renders of feeds are accepted: programs read them a few times a day."""
    audit = Audit(cached, plain, movies, feeds)
    identities = _audited(cached, model)
    for column in columns(model):
        for identity in identities:
            _change(cached, model, identity, column)
            audit.compare(f"{model.__name__}.{column.name}")


@pytest.mark.parametrize(
    "model",
    [Credit, FieldProvenance, MovieGenre, PosterSource, PosterVariant, Premiere, PremiereChange,
     Trailer],
)  # fmt: skip
def test_deleted_row_is_on_no_page(
    model: type[Base], cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    audit = Audit(cached, plain, movies, half(cached))
    for identity in _identities(cached, model):

        def delete(session: Session, identity: Any = identity) -> None:
            options = [selectinload(Premiere.changes)] if model is Premiere else []
            if model is PosterSource:
                options = [selectinload(PosterSource.variants)]
            row = session.get(model, identity, options=options)
            if row is not None:
                session.delete(row)

        write(cached, delete)
        audit.compare(f"{model.__name__} deleted")
    assert not audit.needless(), audit.needless()


@pytest.mark.parametrize(
    ("model", "name"),
    [(Premiere, "movie_id"), (Movie, "distributor_id"), (Credit, "person_id"),
     (PosterSource, "movie_id"), (PremiereChange, "premiere_id"), (Premiere, "service_id")],
)  # fmt: skip
def test_changed_foreign_key_invalidates_both_pages(
    model: Any, name: str, cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    audit = Audit(cached, plain, movies, half(cached))
    identities = _identities(cached, model)
    with services_of(cached.app.registry).database.read() as session:
        owners = [getattr(session.get_one(model, each), name) for each in identities]
    others = {*owners, *([movies.ahead, movies.undated] if name == "movie_id" else [])} - {None}

    for identity, owner in zip(identities, owners, strict=True):
        for other in others - {owner}:

            def reassign(session: Session, identity: Any = identity, to: int = other) -> None:
                setattr(session.get_one(model, identity), name, to)

            write(cached, reassign)
            audit.compare(f"{model.__name__}.{name}")
            break
    assert not audit.needless(), audit.needless()


@pytest.mark.parametrize("kind", NamedKind)
@pytest.mark.parametrize("paths", [shown_pages, feeds])
def test_merge_invalidates_exactly_the_pages_that_it_changes(
    kind: NamedKind, paths: Paths, cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    """Needless renders of feeds are accepted, as above."""
    merged, kept = _two_names(cached, kind, movies)
    audit = Audit(cached, plain, movies, half(cached, paths))
    write(cached, lambda session: merge_names(session, kind, merged, kept, COMMAND, now()))
    audit.compare(f"{kind} merged")
    assert paths is feeds or not audit.needless(), audit.needless()


def _two_names(app: TestApp, kind: NamedKind, movies: Movies) -> tuple[int, int]:
    """The ids of two rows; the pages of these tests show the first one. Each has a movie."""
    made: list[int] = []

    def make(session: Session) -> None:
        movie = session.get_one(Movie, movies.ahead)
        if kind is NamedKind.GENRE:
            factories.add_genres(session, movie, "Dráma/Drama")
        if kind is NamedKind.SERVICE:
            factories.make_premiere(session, movie, week_here().thursday, service="Másik")
        rows = select(NAME_MODELS[kind]).order_by(NAME_MODELS[kind].id)
        found = {row.name: row.id for row in session.scalars(rows)}
        names = {
            NamedKind.PERSON: ("Színész Itt van", "Színész Majd jön"),
            NamedKind.GENRE: ("Vígjáték", "Dráma"),
            NamedKind.DISTRIBUTOR: ("Forgalmazó Itt van", "Forgalmazó Majd jön"),
            NamedKind.SERVICE: ("Netflix", "Másik"),
        }[kind]
        made.extend(found[name] for name in names)

    write(app, make)
    return made[0], made[1]


def test_generated_variants_invalidate_pages_that_show_them(
    cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    """The poster service writes with bulk statements and publishes the tags itself."""
    registry = cached.app.registry
    upload = store_upload(services_of(registry).storage, poster_picture())

    def change(**values: object) -> None:
        def set_them(session: Session) -> None:
            source = session.get_one(PosterSource, movies.source)
            for name, value in values.items():
                setattr(source, name, value)

        write(cached, set_them)

    with closing(services_of(registry).decoder_pool):
        change(kind=SourceKind.UPLOAD, url=None, key=upload.key)
        audit = Audit(cached, plain, movies, half(cached))
        assert (
            services_of(registry).posters.ensure_variants(movies.source).status
            is GenerationStatus.MADE
        )
        audit.compare("a poster made")
        # The state of a source whose variants were made before placeholders existed.
        change(sketch=None, regenerate_requested=True, state=SourceState.PENDING)
        audit.compare("a poster without a sketch")
        assert (
            services_of(registry).posters.ensure_variants(movies.source).status
            is GenerationStatus.MADE
        )
        audit.compare("a poster made again")


class Audit:
    """Compares every page with the uncached one after each change, and records needless renders."""

    def __init__(
        self, cached: TestApp, plain: TestApp, movies: Movies, kind: Paths = shown_pages
    ) -> None:
        self._cached, self._plain, self._paths = cached, plain, kind(movies)
        self._before: dict[str, tuple[int, str]] = {}
        self._needless: set[tuple[str, str]] = set()
        self.compare("nothing")

    def compare(self, what: str) -> None:
        """Compare all pages after the change ``what``."""
        for name, path in self._paths.items():
            response = self._cached.get(path, status="*")
            fresh = _shown(self._plain.get(path, status="*"))
            assert _shown(response) == fresh, f"{name} is stale after {what}"
            is_hit = response.headers.get("X-Cache", "hit") in {"hit", "l1"}
            is_redirect = fresh[0] == HTTPStatus.MOVED_PERMANENTLY  # costs a query
            if fresh == self._before.get(name) and not (is_hit or is_redirect):
                self._needless.add((what, name))
            self._before[name] = fresh

    def needless(self) -> dict[str, list[str]]:
        """The pages that were rendered needlessly and are not in ``ALLOWED``, by change."""
        found: dict[str, list[str]] = {}
        for what, name in sorted(self._needless):
            if name not in ALLOWED.get(what, frozenset()):
                found.setdefault(what, []).append(name)
        return found


def test_audit_detects_stale_page(cached: TestApp, plain: TestApp, movies: Movies) -> None:
    audit = Audit(cached, plain, movies)
    with services_of(
        plain.app.registry
    ).database.write() as session:  # this session publishes nothing
        session.get_one(Movie, movies.here).title = "Ezt senki sem mondta meg"
    with pytest.raises(AssertionError, match="stale after"):
        audit.compare("an unwatched write")


def test_audit_detects_needless_render(cached: TestApp, plain: TestApp, movies: Movies) -> None:
    audit = Audit(cached, plain, movies)
    page_cache_of(cached.app.registry).cache.stamps.publish([f"movie:{movies.here}"])
    audit.compare("no change at all")
    assert "movie" in audit.needless()["no change at all"]


def _audited(app: TestApp, model: type[Base]) -> list[Any]:
    """One row to change: the first on SQLite, the second on PostgreSQL.

    Tags do not depend on the database, so no row is changed on both.
    """
    first_two = _identities(app, model)[:2]
    is_sqlite = services_of(app.app.registry).database.engine.dialect.name == "sqlite"
    return first_two[:1] if is_sqlite else first_two[-1:]


def _identities(app: TestApp, model: type[Base]) -> list[Any]:
    with services_of(app.app.registry).database.read() as session:
        return sorted(inspect(row).identity for row in session.query(model))


def _change(app: TestApp, model: type[Base], identity: Any, column: Any) -> int:
    found = []

    def change(session: Session) -> None:
        row = session.get_one(model, identity)
        attribute = inspect(model).get_property_by_column(column).key
        value = changed(column, getattr(row, attribute))
        if value is not None:
            setattr(row, attribute, value)
            found.append(value)

    write(app, change)
    return len(found)


def _shown(response: Any) -> tuple[int, str]:
    """The status with the body, or with the location of a redirect."""
    moved = response.status_int == HTTPStatus.MOVED_PERMANENTLY
    return response.status_int, response.headers["Location"] if moved else response.text
