"""Images of TMDB as the poster service fetches them: valid, slow, and not an image."""

from collections.abc import Iterator
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest

from moziweb.movies.importers.tmdb.mapping import candidate_of
from moziweb.posters.fetching.errors import FetchError
from moziweb.posters.fetching.fetcher import Fetcher, FetchPolicy
from moziweb.posters.fetching.url_policy import AllowedNetwork
from moziweb.posters.imaging.errors import ImageRejected
from moziweb.posters.imaging.limits import probe
from tests.movies.importers.conftest import NOW
from tests.movies.importers.tmdb_world import a_movie
from tests.services.tmdb import TmdbServer, html_as_jpeg, slow_image


@pytest.fixture
def tmdb() -> Iterator[TmdbServer]:
    with TmdbServer() as server:
        yield server


def picture_of(tmdb: TmdbServer) -> tuple[str, str]:
    """The URL and the path of a movie's image."""
    url: str = candidate_of(a_movie(), f"{tmdb.address}/t/p/", NOW).values["poster"]
    return url, urlsplit(url).path


def fetched(tmdb: TmdbServer, url: str, seconds: float = 5.0) -> bytes:
    port = urlsplit(tmdb.address).port or 0
    allowed = AllowedNetwork(ip_network("127.0.0.1/32"), port)
    found = Fetcher(FetchPolicy(allow_addresses=(allowed,), deadline_seconds=seconds)).fetch(url)
    assert found is not None
    return found.body


def test_image_is_fetched(tmdb: TmdbServer) -> None:
    url, _path = picture_of(tmdb)
    assert probe(fetched(tmdb, url)).format == "jpeg"


def test_slow_image_times_out(tmdb: TmdbServer) -> None:
    url, path = picture_of(tmdb)
    tmdb.answer_next(path, slow_image(1.5))
    with pytest.raises(FetchError, match="time"):
        fetched(tmdb, url, seconds=0.3)


def test_html_as_an_image_is_rejected(tmdb: TmdbServer) -> None:
    url, path = picture_of(tmdb)
    tmdb.answer_next(path, html_as_jpeg())
    with pytest.raises(ImageRejected):
        probe(fetched(tmdb, url))
