"""Limits a cached view to the path and the declared parameters of a request.

One visitor's request must never affect the page that others get. While a cached view renders,
method, host and scheme are therefore fixed, and there are no headers, no body and no client
address. Reading the session, a cookie or an undeclared parameter raises.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final, NoReturn
from urllib.parse import urlencode, urlsplit

from webob.multidict import GetDict

from ..errors import UndeclaredInputError

Parameters = tuple[tuple[str, str], ...]

_PARSED_QUERY: Final = "webob._parsed_query_vars"
_PARSED_COOKIES: Final = "webob._parsed_cookies"
_VISITOR_KEYS: Final = (
    "HTTP_", "REMOTE_", "CONTENT_", "SSL_", "SERVER_", "REQUEST_", "QUERY_STRING",
    "wsgi.url_scheme", "wsgi.input", "webob._",
)  # fmt: skip


def declared_params(request: Any, names: Iterable[str]) -> Parameters:
    """The values of the declared parameters, sorted by name.

    Raises ``UnicodeDecodeError`` for a query string that is not UTF-8.
    """
    wanted = sorted(names)
    if not wanted:
        return ()
    given = request.GET
    return tuple((name, value) for name in wanted for value in given.getall(name))


@contextmanager
def isolated(
    request: Any, parameters: Parameters, names: Iterable[str], base_url: str
) -> Iterator[None]:
    """Make ``request`` neutral, with only these parameters, until the block ends.

    ``names`` are those of all declared parameters. ``base_url`` provides scheme and host.
    """
    environ: dict[str, Any] = request.environ
    attributes: dict[str, Any] = request.__dict__
    query = urlencode(parameters)
    removed = _take(environ)
    session = attributes.pop("session", None)
    environ.update(_neutral(base_url), QUERY_STRING=query)
    environ[_PARSED_QUERY] = _Declared(parameters, environ, names), query
    environ[_PARSED_COOKIES] = _ForbiddenInput("a cookie"), ""
    attributes["session"] = _ForbiddenInput("the session")
    try:
        yield
    finally:
        del attributes["session"]
        if session is not None:
            attributes["session"] = session
        _take(environ)
        environ.update(removed)


def _take(environ: dict[str, Any]) -> dict[str, Any]:
    """Remove and return everything that differs between visitors, except the path."""
    names = [name for name in environ if name.startswith(_VISITOR_KEYS)]
    return {name: environ.pop(name) for name in names}


def _neutral(base_url: str) -> Mapping[str, Any]:
    parts = urlsplit(base_url)
    scheme = parts.scheme or "http"
    return {
        "REQUEST_METHOD": "GET",
        "HTTP_HOST": parts.netloc,
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(parts.port or (443 if scheme == "https" else 80)),
        "wsgi.url_scheme": scheme,
        "wsgi.input": BytesIO(),
    }


def _refuse(what: str) -> NoReturn:
    raise UndeclaredInputError(
        f"a cached view read {what}, but its page is the same for all visitors. Declare a"
        " parameter with cache_params=(…), or remove `cache` from the view"
    )


class _Declared(GetDict):
    """The query string of a neutral request. Reading an undeclared parameter raises."""

    def __init__(self, items: Parameters, environ: dict[str, Any], names: Iterable[str]) -> None:
        self._names = frozenset(names)
        super().__init__(list(items), environ)

    def _check(self, name: str) -> str:
        if name not in self._names:
            _refuse(f"the parameter {name!r}")
        return name

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(self._check(name))

    def __contains__(self, name: object) -> bool:
        return bool(super().__contains__(self._check(str(name))))

    def getall(self, name: str) -> list[str]:
        """See ``MultiDict``."""
        found: list[str] = super().getall(self._check(name))
        return found


class _ForbiddenInput(Mapping[str, Any]):
    """A mapping that raises at every access."""

    def __init__(self, what: str) -> None:
        self.__what = what

    def __getitem__(self, name: object) -> NoReturn:
        _refuse(f"{self.__what}, for {name!r}")

    def __iter__(self) -> Iterator[str]:
        _refuse(self.__what)

    def __len__(self) -> int:
        _refuse(self.__what)

    def __bool__(self) -> bool:
        _refuse(self.__what)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        _refuse(f"{self.__what}, for {name!r}")
