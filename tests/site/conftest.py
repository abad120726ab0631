"""Fixtures: a few movies, and the site with its cache."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from webtest import TestApp

from tests.shared_apps import SharedApps

from .cached import Movies, deployed_with, fill, site


@pytest.fixture
def place(shared_place: Path) -> Path:
    """The folder of the database and of the objects of a test."""
    return shared_place


@pytest.fixture
def app(settings: dict[str, str], shared_apps: SharedApps) -> Iterator[TestApp]:
    """The application under WebTest, at ``NOW``."""
    with shared_apps.running(settings) as app:
        yield app


@pytest.fixture
def movies(dbsession: Session) -> Movies:
    """Three movies with values in every field that pages show."""
    return fill(dbsession)


@pytest.fixture
def cached(
    request: pytest.FixtureRequest, settings: dict[str, str], movies: Movies
) -> Iterator[TestApp]:
    """The site with its cache, as it is usually deployed (`deployed_with`)."""
    with site(settings | deployed_with(settings, request)) as app:
        yield app
