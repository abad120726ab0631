"""The client with an HTTP server that fails as TMDB does."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from moziweb.movies.importers.tmdb import client
from moziweb.movies.importers.tmdb.client import TmdbClient, TmdbOptions
from moziweb.movies.importers.tmdb.errors import (
    TmdbNotFound,
    TmdbRefused,
    TmdbUnauthorized,
    TmdbUnavailable,
)
from moziweb.movies.importers.tmdb.rate_limiter import RateLimiter
from tests.movies.importers.tmdb_world import WEEK, Sleeps, a_movie, client_of
from tests.services.tmdb import (
    TOKEN,
    Answer,
    TmdbServer,
    html_error,
    rate_limited,
    truncated,
    unavailable,
)

PATH = "/3/movie/1000"
SILENCE = 10.0
"""Seconds that the server delays its response."""


@pytest.fixture
def tmdb() -> Iterator[TmdbServer]:
    with TmdbServer() as server:
        server.add(a_movie())
        yield server


def test_movie_is_fetched_with_everything_in_one_request(tmdb: TmdbServer) -> None:
    movie = client_of(tmdb).movie(1000)
    assert {"release_dates", "credits", "videos", "images", "translations"} <= movie.keys()
    (request,) = tmdb.requests
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.query["language"] == "hu-HU"
    assert request.query["include_image_language"] == "hu,en,null"


def test_v3_key_is_sent_in_the_query(tmdb: TmdbServer) -> None:
    with pytest.raises(TmdbUnauthorized):
        client_of(tmdb, token="0123456789abcdef0123456789abcdef").movie(1000)
    assert tmdb.requests[0].query["api_key"] == "0123456789abcdef0123456789abcdef"
    assert "authorization" not in tmdb.requests[0].headers


@pytest.mark.parametrize(
    "answer", [rate_limited(1), unavailable(), truncated(), html_error(), Answer(200, b"[]")]
)
def test_temporary_failure_is_retried(tmdb: TmdbServer, answer: Answer) -> None:
    tmdb.answer_next(PATH, answer, answer)
    assert client_of(tmdb).movie(1000)["id"] == 1000
    assert len(tmdb.requests) == 3


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (rate_limited(1), "429/25 Your request count"),
        (unavailable(), "503/9 Service offline"),
        (truncated(), "not a JSON object"),
        (Answer(200, b'{"id": 1000, "title": "\\ud800"}'), "not a JSON object"),
        (html_error(), "502"),
    ],
)
def test_retries_are_bounded(tmdb: TmdbServer, answer: Answer, message: str) -> None:
    tmdb.answer_next(PATH, *[answer] * 5)
    with pytest.raises(TmdbUnavailable, match=message):
        client_of(tmdb).movie(1000)
    assert len(tmdb.requests) == 3


def test_retry_after_is_honoured(tmdb: TmdbServer) -> None:
    tmdb.answer_next(PATH, rate_limited(1))
    client = client_of(tmdb)
    client._rate_limiter = RateLimiter()
    client.movie(1000)
    first, second = tmdb.requests
    assert second.at - first.at >= 1.0


def test_retry_after_may_be_a_date(tmdb: TmdbServer) -> None:
    sleeps = Sleeps()
    later = datetime.now(UTC) + timedelta(seconds=30)
    tmdb.answer_next(PATH, rate_limited(format_datetime(later, usegmt=True)))
    client_of(tmdb, sleeps).movie(1000)
    assert 28 < sum(sleeps) <= 30


def test_retry_after_of_an_hour_fails_at_once(tmdb: TmdbServer) -> None:
    sleeps = Sleeps()
    tmdb.answer_next(PATH, rate_limited(3600))
    with pytest.raises(TmdbUnavailable):
        client_of(tmdb, sleeps).movie(1000)
    assert sum(sleeps) < 1


def test_retries_back_off_exponentially(tmdb: TmdbServer) -> None:
    sleeps = Sleeps()
    tmdb.answer_next(PATH, *[unavailable()] * 3)
    client_of(tmdb, sleeps, tries=4).movie(1000)
    backoffs = [seconds for seconds in sleeps if seconds >= 0.5]
    assert backoffs == [0.5, 1.0, 2.0]


def test_permanent_error_is_not_retried(tmdb: TmdbServer) -> None:
    client = client_of(tmdb)
    with pytest.raises(TmdbNotFound, match="404/34"):
        client.movie(7)
    with pytest.raises(TmdbUnauthorized, match="401/7"):
        client_of(tmdb, token="wrong").movie(1000)
    with pytest.raises(TmdbRefused, match="400/22"):
        client.get("/search/movie", query="a", page=501)
    with pytest.raises(TmdbRefused, match="400/27"):
        client.get("/movie/1000", append_to_response=",".join(["images"] * 21))
    assert len(tmdb.requests) == 4


def test_no_request_without_a_token(tmdb: TmdbServer) -> None:
    with pytest.raises(TmdbUnauthorized, match=r"tmdb\.token"):
        client_of(tmdb, token=None).movie(1000)
    assert tmdb.requests == []


def test_size_of_a_response_is_bounded(tmdb: TmdbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.MAX_ANSWER_BYTES == 16_000_000
    monkeypatch.setattr(client, "MAX_ANSWER_BYTES", 10)
    with pytest.raises(TmdbUnavailable, match="in 10 bytes"):
        client_of(tmdb, tries=1).movie(1000)
    assert len(tmdb.requests) == 1


def test_silent_server_times_out(tmdb: TmdbServer) -> None:
    tmdb.answer_next(PATH, Answer(200, b"{}", seconds=SILENCE))
    started = time.monotonic()
    with pytest.raises(TmdbUnavailable, match="timed out"):
        client_of(tmdb, seconds=0.2, tries=1).movie(1000)
    assert time.monotonic() - started < SILENCE / 2


def test_refused_connection_is_reported(tmdb: TmdbServer) -> None:
    address = tmdb.base_url.replace(tmdb.base_url.split(":")[2], "1")
    tmdb_down = client_of(tmdb)
    tmdb_down._options = type(tmdb_down._options)(address, TOKEN, 1.0, 2)
    with pytest.raises(TmdbUnavailable, match="refused"):
        tmdb_down.movie(1000)


def test_premieres_are_fetched_in_pages(tmdb: TmdbServer) -> None:
    for number in range(1, 45):
        tmdb.add(a_movie(number))
    pages = list(client_of(tmdb).premieres(*WEEK))
    assert [len(page["results"]) for page in pages] == [20, 20, 5]
    assert tmdb.requests[0].query["region"] == "HU"
    assert tmdb.requests[0].query["with_release_type"] == "2|3"


def test_rate_limiter_spaces_requests(tmdb: TmdbServer) -> None:
    now, waited = [0.0], Sleeps()
    limiter = RateLimiter(40, clock=lambda: now[0], sleep=waited)
    for _ in range(5):
        limiter.wait()
    assert waited == pytest.approx([0.025, 0.05, 0.075, 0.1])
    now[0] = 10.0
    limiter.pause(3)
    limiter.wait()
    assert waited[-1] == 3


def test_search_with_timeout_makes_one_attempt(tmdb: TmdbServer) -> None:
    client = TmdbClient(TmdbOptions(tmdb.base_url, TOKEN, 10.0, 4))
    started = time.monotonic()
    tmdb.answer_next("/3/search/movie", rate_limited(50))
    with pytest.raises(TmdbUnavailable, match="429/25"):
        client.search("a", timeout=2.0)
    with pytest.raises(TmdbUnavailable, match="rate limit of TMDB"):
        client.search("a", timeout=2.0)
    slow = TmdbClient(TmdbOptions(tmdb.base_url, TOKEN, 10.0, 4))
    tmdb.answer_next("/3/search/movie", Answer(200, b"{}", seconds=SILENCE))
    with pytest.raises(TmdbUnavailable, match="timed out"):
        slow.search("a", timeout=0.2)
    assert time.monotonic() - started < SILENCE / 2
    assert len(tmdb.requests) == 2
