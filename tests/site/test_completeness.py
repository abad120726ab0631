"""Audit of cache invalidation: a change of any column invalidates exactly the pages that show it.

Presenters record dependencies by hand. This audit finds missing and needless ones: it changes every
column of every row, each in a transaction of its own. After each change, every page of a site with
a cache must be equal to the page of a site without one (no missing invalidation), and a page that
did not change must be a hit (no needless invalidation). Exceptions are listed with their reasons.

The changes of a model are taken back before those of the next one, so many models are audited on
one site. A page without a cache is rendered again if it reads what has changed (``reads.py``), and
once more at the end.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import partial
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
    FieldProvenance,
    FormerAddress,
    Genre,
    Movie,
    MovieGenre,
    Premiere,
    PremiereChange,
    Trailer,
)
from moziweb.posters.generation.result import GenerationStatus
from moziweb.posters.generation.upload_store import store_upload
from moziweb.posters.models import (
    PosterSource,
    PosterVariant,
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
from .reads import UncachedPages, shown_by

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

# Changes that remove a row from its pages; they come last.
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
    # An empty list has the tag of the genre in all periods.
    "MovieGenre deleted": frozenset({"empty_filtered"}),
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
            *EMPTY,
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
            *EMPTY,
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
    """The path of one page and feed of each kind, blocks of lists, former addresses of rows."""
    return {
        **every_page(movies),
        **movies.blocks,
        **feeds(movies),
        "v1_root": "/api/v1/",
        "v1_openapi": "/api/v1/openapi.json",
        "former_person": "/person/900000-x",
        "former_genre": "/genre/regi",
        "v1_former_person": "/api/v1/people/900000",
        "v1_former_genre": "/api/v1/premieres?genre=regi&limit=1",
    }


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


def half(app: TestApp, movies: Movies) -> dict[str, str]:
    """A half of these pages on each database."""
    paths = shown_pages(movies)
    return {name: paths[name] for name in sorted(half_of(app, paths))}


FEEDS = frozenset(feeds(Movies(0, 0, 0, 0, 0, 0)))
BLOCKS = frozenset({"undated_block", "genre_block", "changes_block", "year_block"})


GROUPS: dict[str, frozenset[str]] = {
    "movies": frozenset({"Movie", "Person", "Genre", "Distributor"}),
    "premieres": frozenset({"Premiere", "PremiereChange", "StreamingService"}),
    "posters": frozenset({"PosterSource", "PosterVariant"}),
    "pictures of links": frozenset({"SharePicture"}),
}
"""The models that are audited on one site, and below the others."""


def models_of(group: str) -> list[type[Base]]:
    """The models of a group; of "others" those that are in none."""
    below = [m.class_ for m in Base.registry.mappers if not m.class_.__module__.startswith(ABOVE)]
    models = sorted(below, key=lambda model: model.__name__)
    in_groups = frozenset[str]().union(*GROUPS.values())
    return [
        model
        for model in models
        if (model.__name__ in GROUPS[group] if group in GROUPS else model.__name__ not in in_groups)
    ]


@pytest.mark.parametrize("group", [*GROUPS, "others"])
def test_change_invalidates_exactly_the_pages_that_it_changes(
    group: str, cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    if group == "pictures of links":
        _draw_pictures(plain, movies)
    audit = Audit(cached, plain, shown_pages(movies))
    for model in models_of(group):
        former: list[tuple[str, dict[Any, Any]]] = []
        for column in columns(model):
            name = inspect(model).get_property_by_column(column).key
            for identity in _audited(cached, model):
                values = _change(cached, model, name, identity, column)
                if values:
                    former.append((name, values))
                    audit.compare(f"{model.__name__}.{column.name}")
        assert former or model.__name__ in NOT_SHOWN
        for name, values in reversed(former):
            _set(cached, model, name, values)
        audit.compare(f"{model.__name__} as it was", is_judged=False)
    audit.finish()


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


DELETED: tuple[tuple[type[Base], Any], ...] = (
    (Credit, None),
    (FieldProvenance, None),
    (MovieGenre, None),
    (PosterVariant, None),
    (PosterSource, PosterSource.variants),
    (PremiereChange, None),
    (Premiere, Premiere.changes),
    (Trailer, None),
)
"""The models whose rows are deleted, with the rows that go with them."""


def test_deleted_row_is_on_no_page(cached: TestApp, plain: TestApp, movies: Movies) -> None:
    audit = Audit(cached, plain, half(cached, movies))
    for model, parts in DELETED:
        copies: list[Base] = []
        for key in _identities(cached, model):
            write(cached, partial(_delete, model=model, key=key, parts=parts, copies=copies))
            audit.compare(f"{model.__name__} deleted")
        write(cached, partial(Session.add_all, instances=copies))
        audit.compare(f"{model.__name__} added", is_judged=False)
    audit.finish()


def _delete(session: Session, *, model: Any, key: Any, parts: Any, copies: list[Base]) -> None:
    """Delete a row; appends copies of it and of its parts."""
    row = session.get_one(model, key, options=[selectinload(parts)] if parts else [])
    rows = [row, *(getattr(row, parts.key) if parts else ())]
    copies += [type(each)(**_values(each)) for each in rows]
    session.delete(row)


def _values(row: Base) -> dict[str, Any]:
    return {each.key: getattr(row, each.key) for each in inspect(type(row)).column_attrs}


FOREIGN_KEYS: tuple[tuple[Any, str], ...] = (
    (Premiere, "movie_id"),
    (Movie, "distributor_id"),
    (Credit, "person_id"),
    (PosterSource, "movie_id"),
    (PremiereChange, "premiere_id"),
    (Premiere, "service_id"),
)


def test_changed_foreign_key_invalidates_both_pages(
    cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    audit = Audit(cached, plain, half(cached, movies))
    for model, name in FOREIGN_KEYS:
        identities = _identities(cached, model)
        with services_of(cached.app.registry).database.read() as session:
            owners = {each: getattr(session.get_one(model, each), name) for each in identities}
        others = {*owners.values(), *([movies.ahead, movies.undated] if name == "movie_id" else [])}
        for identity, owner in owners.items():
            for other in sorted(others - {owner, None})[:1]:
                _set(cached, model, name, {identity: other})
                audit.compare(f"{model.__name__}.{name}")
        _set(cached, model, name, owners)
        audit.compare(f"{model.__name__}.{name} taken back", is_judged=False)
    audit.finish()


def _set(app: TestApp, model: Any, name: str, values: Mapping[Any, Any]) -> None:
    """Set an attribute of rows, by their keys, in a transaction of the application."""

    def change(session: Session) -> None:
        for identity, value in values.items():
            setattr(session.get_one(model, identity), name, value)

    write(app, change)


def test_merge_invalidates_exactly_the_pages_that_it_changes(
    cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    names = {kind: _two_names(cached, kind, movies) for kind in NamedKind}
    audit = Audit(cached, plain, half(cached, movies))
    for kind, (merged, kept) in names.items():
        merge = partial(
            merge_names, kind=kind, merged_id=merged, kept_id=kept, by=COMMAND, now=now()
        )
        write(cached, merge)
        audit.compare(f"{kind} merged")
    audit.finish()


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
        audit = Audit(cached, plain, half(cached, movies))
        assert (
            services_of(registry).posters.ensure_variants(movies.source).status
            is GenerationStatus.MADE
        )
        audit.compare("a poster made", is_judged=False)
        # The state of a source whose variants were made before placeholders existed.
        change(sketch=None, regenerate_requested=True, state=SourceState.PENDING)
        audit.compare("a poster without a sketch", is_judged=False)
        assert (
            services_of(registry).posters.ensure_variants(movies.source).status
            is GenerationStatus.MADE
        )
        audit.compare("a poster made again", is_judged=False)
        audit.finish()


class Audit:
    """Compares every page with the uncached one after each change, and records needless renders.

    Needless renders of feeds are accepted: programs read them a few times a day. So are those of
    blocks of lists, which have the tag of the whole list.
    """

    def __init__(self, cached: TestApp, plain: TestApp, paths: Mapping[str, str]) -> None:
        self._cached, self._paths = cached, paths
        self._uncached = UncachedPages(plain, paths)
        self._needless: set[tuple[str, str]] = set()
        self.compare("nothing", is_judged=False)

    def compare(self, what: str, *, is_judged: bool = True) -> None:
        """Compare all pages after the change ``what``; ``is_judged``: needless renders count."""
        changed = self._uncached.changes()
        for name, path in self._paths.items():
            response, fresh = self._cached.get(path, status="*"), self._uncached.answers[name]
            assert shown_by(response) == shown_by(fresh), f"{name} is stale after {what}"
            is_hit = response.headers.get("X-Cache", "hit") in {"hit", "l1"}
            is_redirect = fresh.status_int == HTTPStatus.MOVED_PERMANENTLY  # costs a query
            if is_judged and name not in changed and not (is_hit or is_redirect):
                self._needless.add((what, name))

    def finish(self) -> None:
        """Check that no change concerned other pages, and that no render was needless."""
        self._uncached.check()
        assert not self.needless(), self.needless()

    def needless(self) -> dict[str, list[str]]:
        """The pages that were rendered needlessly and are not in ``ALLOWED``, by change."""
        found: dict[str, list[str]] = {}
        for what, name in sorted(self._needless):
            if name not in ALLOWED.get(what, frozenset()) and name not in FEEDS | BLOCKS:
                found.setdefault(what, []).append(name)
        return found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_cached_route_is_audited(cached: TestApp, movies: Movies) -> None:
    """A new cached route fails this test until `shown_pages` has a path of it."""
    routes = page_cache_of(cached.app.registry).routes
    matched = filter(None, map(routes._cached, shown_pages(movies).values()))
    assert {request.matched_route.name for _, request in matched} == routes.names()


def test_audit_detects_stale_and_needless_pages(
    cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    audit = Audit(cached, plain, shown_pages(movies))
    page_cache_of(cached.app.registry).cache.stamps.publish([f"movie:{movies.here}"])
    audit.compare("no change at all")
    assert "movie" in audit.needless()["no change at all"]
    # This session publishes nothing.
    with services_of(plain.app.registry).database.write() as session:
        session.get_one(Movie, movies.here).title = "Ezt senki sem mondta meg"
    with pytest.raises(AssertionError, match="stale after"):
        audit.compare("an unwatched write")


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


def _change(
    app: TestApp, model: type[Base], name: str, identity: Any, column: Any
) -> dict[Any, Any]:
    """Change an attribute of a row; its former value by the row, or nothing without another one."""
    with services_of(app.app.registry).database.read() as session:
        value = getattr(session.get_one(model, identity), name)
    if changed(column, value) is None:
        return {}
    _set(app, model, name, {identity: changed(column, value)})
    return {identity: value}
