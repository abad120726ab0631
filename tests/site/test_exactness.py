"""A write makes stale exactly the pages whose bytes it changes.

Random sequences of writes of every kind, to published and unpublished movies. After each, every
page of the site is requested: a page with a cache must be equal to the same page without one, and a
page whose bytes have not changed must have stayed valid. ``may_be_needless`` has the exceptions,
which docs/cache.md lists; there is none for a movie that is not published.
"""

import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.orm.exc import StaleDataError
from webtest import TestApp

from moziweb.cache import PublishError
from moziweb.caching import DECLARATIONS, OUTBOX
from moziweb.manager.audit.log import COMMAND
from moziweb.manager.names.editing import write_name
from moziweb.manager.names.kinds import NAME_MODELS, NamedKind, name_values
from moziweb.manager.names.merging import merge_names
from moziweb.movies import conditional_tags
from moziweb.movies.calendar import month_of
from moziweb.movies.models import (
    Audio,
    CreditRole,
    DatePrecision,
    Distributor,
    Genre,
    Movie,
    MovieGenre,
    Person,
    Premiere,
    PremiereChange,
    PremiereKind,
    Rating,
    StreamingService,
)
from moziweb.posters.models import PosterSource
from moziweb.services import services_of
from moziweb.site.urls import segment_of
from tests import factories
from tests.registry import page_cache_of
from tests.site.cached import (
    FILTERED,
    Movies,
    _movie,
    every_page,
    feeds,
    fill,
    half_of,
    now,
    site,
    week_here,
    write,
)

from .reads import UncachedPages, shown_by

Write = Callable[[Session, Movie, random.Random], Any]


def day_near(chance: random.Random) -> date:
    """A day of this week or one of the next ones."""
    return week_here().thursday + timedelta(days=chance.randrange(42))


def premiere_of(movie: Movie, chance: random.Random) -> Premiere | None:
    return chance.choice(movie.premieres) if movie.premieres else None


def create_published(session: Session, _: Movie, chance: random.Random) -> None:
    movie = factories.make_movie(session)
    if chance.random() < 0.7:
        factories.make_premiere(session, movie, day_near(chance))


def create_unpublished(session: Session, _: Movie, chance: random.Random) -> None:
    movie = factories.make_movie(session, published=False)
    factories.make_premiere(session, movie, day_near(chance))
    genre = session.scalars(select(Genre.id).order_by(Genre.id)).first()
    session.add(MovieGenre(movie_id=movie.id, genre_id=genre))
    factories.add_poster(session, movie)
    factories.add_people(session, movie, CreditRole.CAST, "Színész Itt van/Valaki")


def retitle(_: Session, movie: Movie, chance: random.Random) -> None:
    movie.title = movie.original_title = f"{chance.choice('AMZ')} {chance.random()}"


def rename_slug(_: Session, movie: Movie, chance: random.Random) -> None:
    movie.slug = f"slug-{chance.randrange(10**6)}"


def change_synopsis(_: Session, movie: Movie, chance: random.Random) -> None:
    movie.synopsis = movie.synopsis_en = f"Text {chance.random()}"


def change_facts(_: Session, movie: Movie, chance: random.Random) -> None:
    movie.runtime = chance.randrange(60, 200)


def change_ids(_: Session, movie: Movie, chance: random.Random) -> None:
    movie.imdb_id, movie.tmdb_id = f"tt{chance.randrange(10**7, 10**8)}", chance.randrange(10**6)


def publish_or_withdraw(_: Session, movie: Movie, chance: random.Random) -> None:
    movie.published = not movie.published


def publish_and_announce(session: Session, movie: Movie, chance: random.Random) -> None:
    movie.published = not movie.published
    factories.make_premiere(session, movie, day_near(chance))


def withdraw_and_move(session: Session, movie: Movie, chance: random.Random) -> None:
    movie.published = not movie.published
    move(session, movie, chance)


def delete_movie(session: Session, movie: Movie, _: random.Random) -> None:
    session.delete(movie)


def announce(session: Session, movie: Movie, chance: random.Random) -> None:
    precision = chance.choice([DatePrecision.DAY, *DatePrecision])
    day = precision.first_day(day_near(chance))
    service = session.scalars(select(StreamingService.id)).first()
    streams = {"kind": PremiereKind.STREAMING, "service_id": service}
    chosen: dict[str, Any] = chance.choice(({}, {}, streams))
    factories.make_premiere(session, movie, day, precision=precision, **chosen)


def move(session: Session, movie: Movie, chance: random.Random) -> None:
    premiere = premiere_of(movie, chance)
    if premiere and premiere.precision is DatePrecision.DAY:
        factories.move_premiere(session, premiere, day_near(chance), "ok", now())


def cancel(_: Session, movie: Movie, chance: random.Random) -> None:
    premiere = premiere_of(movie, chance)
    if premiere:
        premiere.cancelled_at = None if premiere.cancelled_at else now()


def delete_premiere(session: Session, movie: Movie, chance: random.Random) -> None:
    premiere = premiere_of(movie, chance)
    if premiere:
        session.delete(premiere)


def change_premiere(_: Session, movie: Movie, chance: random.Random) -> None:
    premiere = premiere_of(movie, chance)
    if premiere:
        premiere.note = f"Note {chance.random()}"
        premiere.formats = chance.choice((("2D",), ("IMAX",), ("3D",)))


def change_kind(_: Session, movie: Movie, chance: random.Random) -> None:
    premiere = premiere_of(movie, chance)
    if premiere and premiere.service_id is None:
        kinds = (PremiereKind.CINEMA, PremiereKind.LIMITED, PremiereKind.FESTIVAL)
        premiere.kind = chance.choice(kinds)


def rename_person(session: Session, movie: Movie, chance: random.Random) -> None:
    for credit in movie.credits[:1]:
        session.get_one(Person, credit.person_id).name = f"Név {chance.random()}"


def add_credit(session: Session, movie: Movie, chance: random.Random) -> None:
    if not any(credit.role is CreditRole.DIRECTOR for credit in movie.credits):
        factories.add_people(session, movie, CreditRole.DIRECTOR, f"Név {chance.random()}")


def delete_credit(session: Session, movie: Movie, _: random.Random) -> None:
    for credit in movie.credits[:1]:
        session.delete(credit)


def rename_genre(session: Session, _: Movie, chance: random.Random) -> None:
    genre = chance.choice(session.scalars(select(Genre).order_by(Genre.id)).all())
    genre.name = genre.name_en = f"Név {chance.random()}"


def add_genre(session: Session, movie: Movie, chance: random.Random) -> None:
    taken = {link.genre_id for link in movie.genre_links}
    free = select(Genre.id).where(Genre.id.not_in(taken)).order_by(Genre.id)
    genre_id = session.scalars(free).first()
    if genre_id is not None:
        session.add(MovieGenre(movie_id=movie.id, genre_id=genre_id, position=len(taken)))


def delete_genre(session: Session, movie: Movie, _: random.Random) -> None:
    for link in movie.genre_links[:1]:
        session.delete(link)


def rename_distributor(session: Session, movie: Movie, chance: random.Random) -> None:
    if movie.distributor_id:
        session.get_one(Distributor, movie.distributor_id).name = f"Cég {chance.random()}"


def change_distributor(session: Session, movie: Movie, chance: random.Random) -> None:
    factories.set_distributor(session, movie, f"Cég {chance.random()}")


def rename_service(session: Session, _: Movie, chance: random.Random) -> None:
    for service in session.scalars(select(StreamingService)):
        service.name = f"Szolgáltató {chance.random()}"


def add_trailer(session: Session, movie: Movie, chance: random.Random) -> None:
    factories.add_trailer(session, movie, f"{chance.randrange(10**10, 10**11)}")


def choose_poster(session: Session, movie: Movie, chance: random.Random) -> None:
    chosen = PosterSource.movie_id == movie.id, PosterSource.chosen
    for source in session.scalars(select(PosterSource).where(*chosen)):
        source.chosen = False
    session.flush()
    factories.add_poster(session, movie, url=f"https://example.com/{chance.random()}.jpg")


def add_poster_beside(session: Session, movie: Movie, chance: random.Random) -> None:
    url = f"https://example.com/{chance.random()}.jpg"
    factories.add_poster(session, movie, url=url, chosen=False)


def change_poster_size(session: Session, movie: Movie, chance: random.Random) -> None:
    for source in session.scalars(select(PosterSource).where(PosterSource.movie_id == movie.id)):
        source.width, source.height = chance.randrange(500, 900), chance.randrange(900, 1500)


WRITES: dict[str, Write] = {
    write.__name__: write
    for write in (
        create_published, create_unpublished, retitle, rename_slug, change_synopsis, change_facts,
        change_ids, publish_or_withdraw, publish_and_announce, withdraw_and_move, delete_movie,
        announce, move, cancel, delete_premiere, change_premiere, change_kind, rename_person,
        add_credit, delete_credit, rename_genre, add_genre, delete_genre, rename_distributor,
        change_distributor, rename_service, add_trailer, choose_poster, add_poster_beside,
        change_poster_size,
    )
}  # fmt: skip


def merge(session: Session, kind: NamedKind, chance: random.Random) -> None:
    """Merge a row into another one of its kind."""
    model = NAME_MODELS[kind]
    merged, kept = chance.sample(session.scalars(select(model.id).order_by(model.id)).all(), 2)
    assert merge_names(session, kind, merged, kept, COMMAND, now())


def merge_people(session: Session, _: Movie, chance: random.Random) -> None:
    merge(session, NamedKind.PERSON, chance)


def merge_genres(session: Session, _: Movie, chance: random.Random) -> None:
    merge(session, NamedKind.GENRE, chance)


def merge_distributors(session: Session, _: Movie, chance: random.Random) -> None:
    merge(session, NamedKind.DISTRIBUTOR, chance)


def add_service(session: Session, movie: Movie, chance: random.Random) -> None:
    name = f"Szolgáltató {chance.random()}"
    factories.make_premiere(session, movie, day_near(chance), service=name)


def merge_services(session: Session, _: Movie, chance: random.Random) -> None:
    merge(session, NamedKind.SERVICE, chance)


def edit_names(session: Session, _: Movie, chance: random.Random) -> None:
    """Edit the names, and for genres and services the addresses, as the manager does."""
    for kind, model in NAME_MODELS.items():
        row = chance.choice(session.scalars(select(model).order_by(model.id)).all())
        values = name_values(kind, row) | {"name": f"Név {chance.random()}"}
        if "slug" in values:
            values["slug"] = f"uj-{chance.randrange(10**6)}"
        assert write_name(session, kind, row, values, COMMAND, now())


MERGES: dict[str, Write] = {
    write.__name__: write
    for write in (merge_people, merge_genres, merge_distributors, merge_services, edit_names)
}

LISTING = frozenset(
    {"create_published", "publish_or_withdraw", "publish_and_announce", "withdraw_and_move",
     "delete_movie", "announce", "move", "cancel", "delete_premiere", "change_kind"}
)  # fmt: skip
"""The writes that change which premieres lists show, and when."""

FACET_PAGES = frozenset({"genre", "person", "distributor", "service"})
"""They list blocks of premieres: a write may concern a later block."""

GENRE_SETS = frozenset({"merge_genres", "edit_names"})
"""The writes that change which genres there are, and their slugs."""

FACET_WRITES = frozenset(
    {"add_genre", "delete_genre", "delete_credit", "change_distributor", *MERGES}
)

MOVIE_PAGES = frozenset({"movie", "other", "english_movie"})

NEAR = LISTING - {"cancel", "change_kind"} | {"retitle", "delete_credit", "merge_people"}
"""The writes that may concern a movie near that of a movie's page, which it does not link.

A new movie, or title, next to another premiere of that movie than the one that the page is about.
"""

SHOWING = frozenset(
    {"create_published", "publish_or_withdraw", "publish_and_announce", "withdraw_and_move",
     "delete_movie"}
)  # fmt: skip
"""The writes that change which movies are published."""

LISTS = {
    "watchlist": LISTING,  # it shows one premiere of each movie
    # A movie's distributor shares a tag with its ids, which the blocks show.
    "v1_premieres": LISTING | {"merge_distributors"},
    "v1_block": LISTING | {"merge_distributors"},
    "v1_filtered": LISTING | {"add_genre", "delete_genre", "merge_genres", "merge_distributors"},
    "v1_movies": SHOWING,
    "v1_last_movies": SHOWING,
    "v1_people": SHOWING | {"add_credit", "delete_credit", "merge_people"},
    "v1_last_people": SHOWING | {"add_credit", "delete_credit", "merge_people"},
    "v1_person": LISTING | {"delete_credit", "merge_people"},
    "v1_distributors": SHOWING | {"change_distributor", "merge_distributors"},
    "calendar_page": LISTING | {"add_genre", "delete_genre", "merge_genres"},
    "changes": LISTING | {"merge_genres"},
    **dict.fromkeys(FILTERED, LISTING | {"retitle", "add_genre", "delete_genre", "merge_genres"}),
    **dict.fromkeys(MOVIE_PAGES, NEAR),
}
"""Pages that list by the writes that may concern what they do not show.

A list of several filters has the tags of the list of one of them, an empty one those of its weeks;
a movie's page has those of its directors, and of its genre in the month.
"""

UNDATED_PAGES = frozenset({"index", "english", "api", "undated"})


def may_be_needless(what: str, page: str, answer: Any) -> bool:
    """Whether a write to a published movie may render a page that stays the same: docs/cache.md."""
    if page in feeds(NO_MOVIES) or answer.status_int == HTTPStatus.MOVED_PERMANENTLY:
        return True
    if page in LISTS:
        return what in LISTS[page]
    if answer.status_int == HTTPStatus.NOT_FOUND or b"noindex" in answer.body:
        # "not found" and empty periods
        return what in LISTING or (page == "genre_gone" and what in GENRE_SETS)
    if page in UNDATED_PAGES:
        return what in LISTING - {"create_published", "cancel", "change_kind"}
    if page in {"week", "ahead", "month", "year"} and what == "withdraw_and_move":
        return True  # or publish and move: the old date was not shown
    if page == "year":  # shows the first premieres of each month
        return what in {"publish_and_announce", "retitle"}
    if page == "years":
        return what in LISTING  # a date moves within its year
    return page in FACET_PAGES and what in LISTING | FACET_WRITES


NO_MOVIES = Movies(0, 0, 0, 0, 0, 0)


@pytest.fixture
def movies(dbsession: Session) -> Movies:
    found = fill(dbsession)
    for title in ("Rejtett", "Titkos"):
        movie = _movie(dbsession, title, week_here().thursday + timedelta(days=len(title)))
        movie.imdb_id, movie.published = None, False
        factories.add_poster(dbsession, movie)
    hidden = factories.make_movie(dbsession, "Titkos, dátum nélkül", published=False)
    for number in range(3):
        name = f"Műfaj {number}"
        genre = factories.named(dbsession, Genre, name, slug=f"mufaj-{number}", name_en=name)
        dbsession.add(MovieGenre(movie_id=hidden.id, genre_id=genre.id, position=number))
    dbsession.commit()
    return found


@pytest.fixture
def plain(settings: dict[str, str]) -> Iterator[TestApp]:
    with site(settings) as app:
        yield app


def paths_of(app: TestApp, movies: Movies) -> dict[str, str]:
    """The paths of pages of each kind, also of what does not exist."""
    with services_of(app.app.registry).database.read() as session:
        hidden = session.scalars(select(Movie).where(Movie.title == "Rejtett")).one()
        return {
            **every_page(movies),
            **feeds(movies),
            "english_movie": f"/en/movie/{movies.here}-itt-van",
            "hidden": f"/movie/{segment_of(hidden.id, hidden.slug)}",
            "gone": "/movie/999999-nincs",
            "api_gone": "/api/movie/999999",
            "genre_gone": "/genre/nincs",
        }


class Site:
    """A site with a cache beside one without, over one database."""

    def __init__(
        self, cached: TestApp, plain: TestApp, movies: Movies, names: Collection[str] = ()
    ) -> None:
        """``names`` are the pages to compare; all by default."""
        self._cached = cached
        paths = paths_of(cached, movies)
        self._paths = {name: paths[name] for name in names or paths}
        self._uncached = UncachedPages(plain, self._paths)
        self.changed: set[str] = set()
        self.compare("nothing", ignored=True)

    def read(self) -> None:
        """Request all pages, so that they are cached."""
        for path in self._paths.values():
            self._cached.get(path, status="*")

    def shown(self) -> dict[str, tuple[int, str | bytes]]:
        """What each page showed at the last comparison."""
        return {name: shown_by(answer) for name, answer in self._uncached.answers.items()}

    def finish(self) -> None:
        """Check that the last comparison has seen every change."""
        self._uncached.check()

    def compare(self, what: str, *, is_shown: bool = True, ignored: bool = False) -> None:
        """Check all pages after a write; ``is_shown``: to a movie that is, or was, published.

        ``ignored``: pages that were rendered needlessly are.
        """
        self.changed, needless = self._uncached.changes(), set[str]()
        for name, path in self._paths.items():
            answer, fresh = self._cached.get(path, status="*"), self._uncached.answers[name]
            assert shown_by(answer) == shown_by(fresh), f"{name} is stale after {what}"
            # Errors of the API for unknown parameters are not cached.
            was_valid = answer.headers.get("X-Cache", "hit") in {"hit", "l1"}
            is_accepted = is_shown and may_be_needless(what, name, fresh)
            if name not in self.changed and not was_valid and not is_accepted:
                needless.add(name)
        assert ignored or not needless, f"{sorted(needless)} did not change by {what}"


def loaded(session: Session, movie_id: int) -> Movie:
    """A movie with its parts."""
    options = [
        selectinload(Movie.premieres).selectinload(Premiere.changes),
        *map(selectinload, (Movie.credits, Movie.genre_links, Movie.trailers)),
        selectinload(Movie.provenance),
    ]
    return session.get_one(Movie, movie_id, options=options)


def apply(
    app: TestApp, change: Write, chance: random.Random, *, published: bool | None = None
) -> bool:
    """Write to a random movie, of these if ``published`` is given; whether it was published."""
    found: list[bool] = []

    def act(session: Session) -> None:
        query = select(Movie.id).order_by(Movie.id)
        if published is not None:
            query = query.where(Movie.published == published)
        movie = loaded(session, chance.choice(session.scalars(query).all()))
        before = movie.published
        change(session, movie, chance)
        found.append(before or movie.published)

    write(app, act)
    return found[0]


def test_write_makes_stale_exactly_the_pages_that_it_changes(
    cached: TestApp, plain: TestApp, movies: Movies, settings: dict[str, str]
) -> None:
    chance = random.Random(settings["sqlalchemy.url"].partition(":")[0])
    both = Site(cached, plain, movies, half_of(cached, paths_of(cached, movies)))
    order = [*WRITES, *chance.sample(sorted(LISTING), 5)]
    chance.shuffle(order)
    for name in order:
        is_shown = apply(cached, WRITES[name], chance) or name == "create_published"
        both.compare(name, is_shown=is_shown and name != "create_unpublished")
    both.finish()


def test_merge_makes_stale_exactly_the_pages_that_it_changes(
    cached: TestApp, plain: TestApp, movies: Movies, settings: dict[str, str]
) -> None:
    """Of published and unpublished movies; addresses of merged rows are among the pages."""
    chance = random.Random(settings["sqlalchemy.url"].partition(":")[0])
    both = Site(cached, plain, movies, half_of(cached, paths_of(cached, movies)))
    for name in [*MERGES, *MERGES]:
        if name == "merge_services":
            apply(cached, add_service, chance)
            both.compare("add_service", ignored=True)
        apply(cached, MERGES[name], chance)
        # The same premiere on both services becomes one.
        both.compare("delete_premiere" if name == "merge_services" else name)
    both.finish()


FILTERS = (
    "genre=vigjatek", "genre=mufaj-0", "rating=12", "rating=16", "kind=cinema", "kind=limited",
    "service=netflix", "audio=dubbed", "audio=subtitled", "format=IMAX",
    "genre=vigjatek&kind=cinema&rating=12", "audio=dubbed&rating=16", "genre=mufaj-0&kind=limited",
)  # fmt: skip


def filtered_pages(_app: TestApp, _movies: Movies) -> dict[str, str]:
    """The index, weeks, a month and a year, each by several filters."""
    week = week_here()
    month, year = month_of(week.thursday).name, week.thursday.year
    weeks = [f"/week/{week.shifted(step).name}" for step in (0, 2)]
    places = ["/", *weeks, f"/month/{month}", f"/year/{year}"]
    return {
        f"{place}?{query}": f"{place}?{query}"
        for number, query in enumerate(FILTERS)
        for place in places[number % 3 :: 3]
    }


def rate(_: Session, movie: Movie, chance: random.Random) -> None:
    movie.rating = chance.choice((None, Rating.AGE_12, Rating.AGE_16))


def change_audio(_: Session, movie: Movie, chance: random.Random) -> None:
    premiere = premiere_of(movie, chance)
    if premiere:
        premiere.audio = chance.choice((None, Audio.DUBBED, Audio.SUBTITLED, Audio.BOTH))


FILTERING: tuple[Write, ...] = (
    rate, change_audio, change_premiere, change_kind, add_genre, delete_genre, move, announce,
    cancel, publish_or_withdraw, delete_premiere, retitle,
)  # fmt: skip
"""The writes that change which premieres a filter finds, and where."""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_filtered_page_is_stale_after_several_changes_at_once(
    cached: TestApp,
    plain: TestApp,
    movies: Movies,
    settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A movie gets another value and another date in one transaction, in one flush or in several.

    A page may be rendered needlessly then: every value is combined with every date.
    """
    chance = random.Random(settings["sqlalchemy.url"].partition(":")[0])
    monkeypatch.setattr("tests.site.test_exactness.paths_of", filtered_pages)
    both = Site(cached, plain, movies)
    for _ in range(12):
        writes = chance.sample(FILTERING, 3)
        is_flushed = chance.random() < 0.5

        def change(
            session: Session,
            movie: Movie,
            chance: random.Random,
            writes: Iterable[Write] = writes,
            is_flushed: bool = is_flushed,
        ) -> None:
            for each in writes:
                each(session, loaded(session, movie.id), chance)
                if is_flushed:
                    session.flush()
                    session.expire(movie)

        apply(cached, change, chance)
        both.compare(" and ".join(each.__name__ for each in writes), ignored=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_change_of_an_unpublished_movie_makes_nothing_stale(
    cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    """All of them are shown by the pages that its later publication invalidates."""
    chance = random.Random(5)
    both = Site(cached, plain, movies)
    common = {"create_published", "rename_person", "rename_genre", "rename_service"}
    publishing = {"publish_or_withdraw", "publish_and_announce", "withdraw_and_move"}
    order = sorted(WRITES.keys() - common - publishing - {"delete_movie"})
    chance.shuffle(order)
    for name in (*order, "delete_movie"):
        assert not apply(cached, WRITES[name], chance, published=False)
        both.compare(name, is_shown=False)
        assert not both.changed
    for _ in range(3):
        apply(cached, publish_or_withdraw, chance, published=False)
        both.compare("publish_or_withdraw")
        assert both.changed
    both.finish()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_neighbours_and_related_movies_are_never_stale(
    cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    """Writes to movies of the same weeks, genre and director."""
    chance = random.Random(7)

    def create(session: Session) -> None:
        for number in range(8):
            movie = factories.make_movie(session, f"{chance.choice('AKZ')} {number}")
            factories.add_genres(session, movie, "Vígjáték/Comedy")
            factories.add_people(session, movie, CreditRole.DIRECTOR, "Rendező Itt van")
            factories.make_premiere(session, movie, day_near(chance))

    write(cached, create)
    both = Site(cached, plain, movies, MOVIE_PAGES)
    order = [*WRITES, *chance.sample(sorted(LISTING), 8)]
    chance.shuffle(order)
    changed = set[str]()
    for name in order:
        apply(cached, WRITES[name], chance)
        both.compare(name, ignored=True)
        changed |= {name} if both.changed else set()
    assert len(changed) > 10
    both.finish()


class WeekOfMovies:
    """The pages of the movies A, C, E, G, I of one week, with two genres in turn."""

    def __init__(self, cached: TestApp, plain: TestApp) -> None:
        self.week = week_here().shifted(3)  # without other premieres
        self._cached, self._plain = cached, plain
        self._ids: dict[str, int] = {}
        write(cached, self._create)
        for title in self._ids:
            self._get(cached, title)

    def _create(self, session: Session) -> None:
        for number, title in enumerate("ACEGI"):
            movie = factories.make_movie(session, title, slug="x")
            factories.add_genres(session, movie, f"Sajátos {number % 2}/Special {number % 2}")
            factories.make_premiere(session, movie, self.week.thursday)
            self._ids[title] = movie.id

    def _get(self, app: TestApp, title: str) -> Any:
        return app.get(f"/movie/{self._ids[title]}-x", status="*")

    def create_draft(self, title: str) -> None:
        def create(session: Session) -> None:
            movie = factories.make_movie(session, title, slug="x", published=False)
            factories.make_premiere(session, movie, self.week.thursday)
            self._ids[title] = movie.id

        assert self.changed_by(create) == ""
        self._get(self._cached, title)

    def set(self, title: str, name: str, value: object) -> str:
        """Set an attribute of a movie, or the date of its premiere."""

        def change(session: Session) -> None:
            movie = loaded(session, self._ids[title])
            setattr(movie.premieres[0] if name == "date" else movie, name, value)

        return self.changed_by(change)

    def delete(self, title: str) -> str:
        return self.changed_by(lambda session: session.delete(loaded(session, self._ids[title])))

    def changed_by(self, change: Callable[[Session], Any]) -> str:
        """The titles of the movies whose pages were rendered again: they are those that changed."""
        before = {title: shown_by(self._get(self._plain, title)) for title in self._ids}
        write(self._cached, change)
        found = []
        for title, page in sorted(before.items()):
            answer, fresh = self._get(self._cached, title), self._get(self._plain, title)
            assert shown_by(answer) == shown_by(fresh), f"{title} is stale"
            is_rendered = answer.headers["X-Cache"] not in {"hit", "l1"}
            assert is_rendered == (shown_by(fresh) != page), title
            found += [title] if is_rendered else []
        return "".join(found)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_the_pages_beside_a_movie_are_rendered_again(
    cached: TestApp, plain: TestApp, movies: Movies
) -> None:
    """Pages also change if they list a movie of their genre: A, E, I and C, G list each other."""
    week = WeekOfMovies(cached, plain)
    assert week.set("C", "title", "Cc") == "ACEG"
    assert week.set("A", "title", "H") == "ACEGI"
    assert week.set("A", "title", "A") == "ACEGI"
    week.create_draft("F")
    assert week.set("F", "published", True) == "EFG"
    assert week.set("F", "title", "Ff") == "EFG"
    assert week.set("F", "title", "Z") == "EFGI"
    assert week.set("F", "date", week.week.next.thursday) == "FI"
    assert week.set("F", "date", week.week.end) == "FI"
    assert week.delete("F") == "FI"


def publish(_: Session, movie: Movie, __: random.Random) -> None:
    movie.published = True


def withdraw(_: Session, movie: Movie, __: random.Random) -> None:
    movie.published = False


def record_change(session: Session, movie: Movie, chance: random.Random) -> None:
    """A change of a date alone, without a change of its premiere."""
    for premiere in movie.premieres[:1]:
        change = {"old_date": day_near(chance), "old_precision": DatePrecision.DAY}
        session.add(PremiereChange(premiere_id=premiere.id, changed_at=now(), **change))


def overlapped(
    app: TestApp, movie_id: int, first: Write, second: Write, read: Callable[[], None]
) -> None:
    """Run two transactions: the second begins before the commit of the first.

    That is when the first has just queried whether the movie is published. The second then waits
    for the lock of the first, or is done before it. ``read`` is called then.
    """
    chance = random.Random(movie_id)
    database = services_of(app.app.registry).database

    def other() -> None:
        with suppress(StaleDataError, NoResultFound), database.write() as session:
            second(session, loaded(session, movie_id), chance)

    thread = threading.Thread(target=other)

    def resolved(connection: Connection, names: Collection[str]) -> Iterable[str]:
        found = list(conditional_tags._resolved(connection, names))
        if not thread.ident:
            thread.start()
            thread.join(0.2)
            read()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DECLARATIONS, "_resolve", resolved)
        with database.write() as session:
            first(session, loaded(session, movie_id), chance)
    thread.join()


@pytest.mark.parametrize("change", [publish, withdraw])
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_concurrent_writes_leave_no_page_stale(
    cached: TestApp, plain: TestApp, movies: Movies, change: Write
) -> None:
    """A movie is published or withdrawn while another editor changes it, in both orders."""
    lists = ("week", "ahead", "month", "genre", "empty", "map_year", "map_movies", "ics", "news")
    both = Site(cached, plain, movies, lists)
    others = (announce, move, retitle, rename_slug, add_genre, delete_premiere, record_change)
    ids = iter(range(1000, 1000 + 2 * len(others)))
    for other in others:
        for first, second in ((change, other), (other, change)):
            movie_id = next(ids)

            def create(session: Session, movie_id: int = movie_id) -> None:
                published = change is withdraw
                movie = factories.make_movie(session, id=movie_id, published=published)
                factories.make_premiere(session, movie, week_here().thursday)

            write(cached, create)
            both.compare("create_published", ignored=True)
            overlapped(cached, movie_id, first, second, both.read)
            both.compare(f"{first.__name__} and {second.__name__}", ignored=True)
    both.finish()


def test_withdrawn_movie_is_moved_before_its_withdrawal_is_published(
    cached: TestApp, plain: TestApp, movies: Movies, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Site(cached, plain, movies)
    stamps = page_cache_of(cached.app.registry).cache.stamps

    def fail(tags: Iterable[str]) -> None:
        raise PublishError("down")

    def bring_forward(session: Session) -> None:
        (premiere,) = loaded(session, movies.ahead).premieres
        premiere.date = week_here().next.thursday

    with monkeypatch.context() as patch:
        patch.setattr(stamps, "publish", fail)
        write(cached, lambda session: setattr(loaded(session, movies.ahead), "published", False))
        write(cached, bring_forward)
    engine = services_of(cached.app.registry).database.engine
    until = time.monotonic() + 10
    while True:  # the writing process tries again
        with engine.connect() as connection:
            if not OUTBOX.backlog(connection):
                break
        assert time.monotonic() < until
        time.sleep(0.01)
    both.compare("withdraw and move", ignored=True)
    both.finish()
