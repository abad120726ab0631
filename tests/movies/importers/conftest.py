"""An importer with a real database and a fixed clock."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from moziweb.db import Database
from moziweb.movies.importers.candidate import Candidate
from moziweb.movies.importers.csv_columns import ListOptions, candidates_of
from moziweb.movies.importers.file_readers import read_table
from moziweb.movies.importers.service import Applied, Importer
from moziweb.posters.importer_port import ImportedPosters

NOW = datetime(2026, 8, 20, 10, tzinfo=UTC)
TODAY = date(2026, 8, 20)
POSTERS = ImportedPosters()


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def importer(database: Database, clock: Clock) -> Importer:
    return Importer(database, POSTERS, clock)


def from_csv(text: str | bytes, **options: Any) -> tuple[Candidate, ...]:
    """The candidates of a list."""
    data = text.encode() if isinstance(text, str) else text
    return candidates_of(read_table(data), ListOptions(TODAY, POSTERS.is_allowed_url, **options))


Bring = Callable[..., list[Applied]]


@pytest.fixture
def bring(importer: Importer) -> Bring:
    """Imports a list."""
    return lambda text, **options: list(importer.run(from_csv(text, **options)))
