"""A TMDB server on loopback: the part of its API that the importer uses, with its errors.

    with TmdbServer() as tmdb:
        tmdb.add(movie_of(catalogue_movie, 550, hungary=[release("2026-09-03")]))
        tmdb.answer_next("/3/movie/550", rate_limited(1))

Its movies are those of ``tmdb_movies``. ``requests`` has all requests. Pictures are at ``/t/p``.
"""

import io
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from PIL import Image

from .tmdb_movies import GENRE_IDS

TOKEN: Final = "eyJhbGciOiJIUzI1NiJ9.test-read-token"
PAGE: Final = 20
MAX_APPENDS: Final = 20
MAX_PAGE: Final = 500
PATIENCE: Final = 60.0
"""Seconds after which a blocked answer is sent anyway."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. The server delays it by ``seconds``, or until ``let_go`` is set."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    let_go: threading.Event | None = None


def failure(
    status: int, code: int, message: str, *, success: bool = True, **headers: str
) -> Answer:
    """An error in the format of TMDB; ``success`` is not always there."""
    body: dict[str, Any] = {"status_code": code, "status_message": message}
    if success:
        body = {"success": False, **body}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps(body).encode(), named)


def unauthorized() -> Answer:
    return failure(401, 7, "Invalid API key: You must be granted a valid key.")


def not_found() -> Answer:
    return failure(404, 34, "The resource you requested could not be found.")


def rate_limited(after: int | str = 1) -> Answer:
    text = "Your request count (41) is over the allowed limit of (40)."
    return failure(429, 25, text, success=False, Retry_After=str(after))


def unavailable() -> Answer:
    return failure(503, 9, "Service offline: This service is temporarily offline, try again later.")


def truncated() -> Answer:
    return Answer(200, b'{"id": 550, "title": "Harcosok kl')


def html_error() -> Answer:
    return Answer(502, b"<html><body>Bad gateway</body></html>", {"Content-Type": "text/html"})


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and its time by the monotonic clock."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at: float


class TmdbServer:
    """The server; ``base_url`` is the value of the ini key ``tmdb.base_url``."""

    def __init__(self) -> None:
        self.movies: dict[int, dict[str, Any]] = {}
        self.changed: set[int] = set()
        self.requests: list[Request] = []
        self._queued: dict[str, deque[Answer]] = defaultdict(deque)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """``http://127.0.0.1:port``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def base_url(self) -> str:
        """The URL of the API, with its version."""
        return f"{self.address}/3"

    def add(self, movie: dict[str, Any]) -> None:
        """Add a movie, or replace it."""
        self.movies[movie["id"]] = movie
        self.changed.add(movie["id"])

    def answer_next(self, path: str, *answers: Answer) -> None:
        """Send these answers for the next requests of ``path``."""
        self._queued[path].extend(answers)

    def paths(self) -> list[str]:
        """The paths requested so far."""
        return [request.path for request in self.requests]

    def answer(self, request: Request) -> Answer:
        """The response to a request."""
        self.requests.append(request)
        if self._queued[request.path]:
            return self._queued[request.path].popleft()
        if request.path.startswith("/t/p/"):
            return _image()
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return unauthorized()
        return self._api(request.path.removeprefix("/3"), request.query)

    def _api(self, path: str, query: Mapping[str, str]) -> Answer:
        fixed: dict[str, Callable[[], Answer]] = {
            "/configuration": self._configuration,
            "/genre/movie/list": self._genres,
            "/discover/movie": lambda: self._discover(query),
            "/movie/upcoming": lambda: self._upcoming(query),
            "/movie/changes": lambda: self._changes(query),
            "/search/movie": lambda: self._search(query),
        }
        if path in fixed:
            return fixed[path]()
        kind, _, name = path.strip("/").partition("/")
        if kind == "find":
            return self._find(name)
        if kind == "movie" and name.isdecimal():
            return self._movie(int(name), query)
        return not_found()

    def _configuration(self) -> Answer:
        sizes = ["w92", "w154", "w185", "w342", "w500", "w780", "original"]
        base = f"{self.address}/t/p/"
        return _json({"images": {"base_url": base, "secure_base_url": base, "poster_sizes": sizes}})

    def _genres(self) -> Answer:
        return _json({"genres": [{"id": id_, "name": name} for id_, name in GENRE_IDS.values()]})

    def _movie(self, tmdb_id: int, query: Mapping[str, str]) -> Answer:
        wanted = [name for name in query.get("append_to_response", "").split(",") if name]
        if len(wanted) > MAX_APPENDS:
            return failure(
                400, 27, "Too many append to response objects: The maximum number is 20."
            )
        movie = self.movies.get(tmdb_id)
        if movie is None:
            return not_found()
        appendable = {"release_dates", "credits", "videos", "images", "translations"}
        return _json({k: v for k, v in movie.items() if k not in appendable or k in wanted})

    def _find(self, imdb_id: str) -> Answer:
        movies = [movie for movie in self.movies.values() if movie.get("imdb_id") == imdb_id]
        others = ("person", "tv", "tv_episode", "tv_season")
        whole: dict[str, list[object]] = {f"{kind}_results": [] for kind in others}
        return _json(whole | {"movie_results": [_listed(movie) for movie in movies]})

    def _search(self, query: Mapping[str, str]) -> Answer:
        words = query.get("query", "").casefold()
        found = [
            movie
            for movie in self.movies.values()
            if words in movie["title"].casefold() or words in movie["original_title"].casefold()
        ]
        return _page(found, query)

    def _discover(self, query: Mapping[str, str]) -> Answer:
        kinds = {int(kind) for kind in query.get("with_release_type", "3").split("|")}
        first, last = query["release_date.gte"], query["release_date.lte"]
        return _page(
            [f for f in self.movies.values() if _is_released(f, kinds, first, last)], query
        )

    def _upcoming(self, query: Mapping[str, str]) -> Answer:
        dates = {"maximum": "2026-09-20", "minimum": "2026-08-20"}
        return _page(list(self.movies.values()), query, dates=dates)

    def _changes(self, query: Mapping[str, str]) -> Answer:
        """Two per page, so that there are several pages; a deleted movie has no ``adult``."""
        page, ids = int(query.get("page", "1")), sorted(self.changed)
        results = [{"id": id_, "adult": None} for id_ in ids[(page - 1) * 2 : page * 2]]
        pages = max(1, -(-len(ids) // 2))
        return _json(
            {"results": results, "page": page, "total_pages": pages, "total_results": len(ids)}
        )


def _is_released(movie: Mapping[str, Any], kinds: set[int], first: str, last: str) -> bool:
    return any(
        first <= entry["release_date"][:10] <= last and entry["type"] in kinds
        for country in movie["release_dates"]["results"]
        if country["iso_3166_1"] == "HU"
        for entry in country["release_dates"]
    )


def _page(movies: list[dict[str, Any]], query: Mapping[str, str], **more: Any) -> Answer:
    page = int(query.get("page", "1"))
    if not 1 <= page <= MAX_PAGE:
        return failure(400, 22, "Invalid page: Pages start at 1 and max at 500.")
    part = movies[(page - 1) * PAGE : page * PAGE]
    return _json(
        {
            **more,
            "page": page,
            "results": [_listed(movie) for movie in part],
            "total_pages": max(1, -(-len(movies) // PAGE)),
            "total_results": len(movies),
        }
    )


def _listed(movie: Mapping[str, Any]) -> dict[str, Any]:
    """A movie in a list. Its ``release_date`` is that of another country, as TMDB's may be."""
    names = (
        "adult", "backdrop_path", "id", "original_language", "original_title", "overview",
        "popularity", "poster_path", "release_date", "title", "video", "vote_average", "vote_count",
    )  # fmt: skip
    return {name: movie.get(name) for name in names} | {
        "genre_ids": [genre["id"] for genre in movie.get("genres") or ()]
    }


def slow_image(seconds: float) -> Answer:
    """A picture after a delay."""
    return Answer(200, _image().body, {"Content-Type": "image/jpeg"}, seconds)


def html_as_jpeg() -> Answer:
    """HTML with the content type of a picture."""
    return Answer(200, b"<!doctype html><title>Not found</title>", {"Content-Type": "image/jpeg"})


def _image() -> Answer:
    buffer = io.BytesIO()
    Image.new("RGB", (400, 600), "#345678").save(buffer, "JPEG")
    return Answer(200, buffer.getvalue(), {"Content-Type": "image/jpeg"})


def _json(whole: object) -> Answer:
    return Answer(200, json.dumps(whole).encode(), {"Content-Type": "application/json"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: some clients close the connection on purpose."""


def _handler(server: TmdbServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(parts.path, dict(parse_qsl(parts.query)), headers, time.monotonic())
            answer = server.answer(request)
            time.sleep(answer.seconds)
            if answer.let_go is not None:
                answer.let_go.wait(PATIENCE)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    return Handler
