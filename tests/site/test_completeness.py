"""The audit: whatever changes in whatever row, no cached page goes on telling the old.

Dependencies are recorded by hand, at the doors where things are shown. This is the proof that none
was forgotten: every column of every row is changed, one at a time, in a transaction of its own, and
each page of a site with a cache must then read as on the same site without one.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import pytest
from sqlalchemy import inspect
from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.db.meta import Base
from moziweb.movies.models import Movie

from .cached import CACHED, Films, fill, pages, ready_variant, site, warm, write

# Values of some columns mean something outside the database, so not any text will do.
NEW_VALUES: dict[str, Any] = {
    "countries": ("FR",),
    "languages": ("fr",),
    "formats": ("IMAX",),
    "site": "Vimeo",
    "dominant_colour": "#ff0000",
    "source_sha256": "1" * 64,
    "sha256": "1" * 64,
    "source": "tmdb",
    "language": "en",
}
# Bookkeeping that no page may depend on, and links that are changed by their own rows.
LEFT_ALONE = frozenset({"lease_token", "lease_until", "next_attempt_at", "service_id"})

ABOVE = "moziweb.manager."


@pytest.fixture
def films(dbsession: Session) -> Films:
    films = fill(dbsession)
    dbsession.add(ready_variant(films))
    dbsession.commit()
    return films


@pytest.fixture
def plain(settings: dict[str, str]) -> Iterator[TestApp]:
    with site(settings) as app:
        yield app


@pytest.fixture
def cached(settings: dict[str, str], films: Films) -> Iterator[TestApp]:
    with site(settings | CACHED) as app:
        yield app


def changed(column: Any, value: Any) -> Any:
    """Another value that the column takes."""
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
            return f"{value[:9]}x" if column.name == "imdb_id" else f"{value}x"
    return None


def columns(model: type[Base]) -> Iterator[Any]:
    """The columns of a model that a write may change."""
    for attribute in inspect(model).column_attrs:
        (column,) = attribute.columns
        if not (column.primary_key or column.foreign_keys or column.name in LEFT_ALONE):
            yield column


def cases() -> list[tuple[str, str]]:
    """Every model and column of the schema, but for what stands on a floor above the site's: the
    contract of imports keeps that from its pages.
    """
    below = (m for m in Base.registry.mappers if not m.class_.__module__.startswith(ABOVE))
    models = sorted(below, key=lambda mapper: mapper.class_.__name__)
    return [
        (mapper.class_.__name__, column.name)
        for mapper in models
        for column in columns(mapper.class_)
    ]


@pytest.mark.parametrize("model_name", sorted({name for name, _ in cases()}))
def test_no_page_tells_what_was_before(
    model_name: str, cached: TestApp, plain: TestApp, films: Films
) -> None:
    model = next(m.class_ for m in Base.registry.mappers if m.class_.__name__ == model_name)
    warm(cached, films)
    seen = 0
    for column in columns(model):
        identities = _identities(cached, model)
        for identity in identities[:2]:
            seen += _change(cached, model, identity, column)
            _compare(cached, plain, films, f"{model_name}.{column.name}")
    assert seen > 0


def test_the_audit_notices_a_page_that_is_behind(
    cached: TestApp, plain: TestApp, films: Films
) -> None:
    warm(cached, films)
    with plain.app.registry["database"].write() as session:  # nobody watches this one
        session.get_one(Movie, films.here).title = "Ezt senki sem mondta meg"
    with pytest.raises(AssertionError, match="behind after"):
        _compare(cached, plain, films, "an unwatched write")


def _identities(app: TestApp, model: type[Base]) -> list[Any]:
    with app.app.registry["database"].read() as session:
        return [inspect(row).identity for row in session.query(model)]


def _change(app: TestApp, model: type[Base], identity: Any, column: Any) -> int:
    found = []

    def change(session: Session) -> None:
        row = session.get_one(model, identity)
        value = changed(column, getattr(row, column.name))
        if value is not None:
            setattr(row, column.name, value)
            found.append(value)

    write(app, change)
    return len(found)


def _compare(cached: TestApp, plain: TestApp, films: Films, what: str) -> None:
    for name, path in pages(films).items():
        told = cached.get(path, status="*")
        fresh = plain.get(path, status="*")
        assert _shown(told) == _shown(fresh), f"{name} is behind after {what}"


def _shown(response: Any) -> tuple[int, str]:
    """What a visitor gets: the page, or where a redirect leads."""
    moved = response.status_int == HTTPStatus.MOVED_PERMANENTLY
    return response.status_int, response.headers["Location"] if moved else response.text
