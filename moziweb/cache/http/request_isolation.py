"""What a cached view may see of a request: its path, and the parameters that it has declared.

What one visitor sends must never shape what others are served. While a cached view renders, the
request is therefore a neutral one: the same method, host and scheme whoever asks, no headers, no
body, no address. Those are simply not there. What a view could only want for this one visitor's
sake, his session, his cookies or a parameter that is not part of the key, raises when it is looked
at: the page would be wrong for everybody else, and that has to be seen while it is written.
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
_OF_THE_VISITOR: Final = (
    "HTTP_", "REMOTE_", "CONTENT_", "SSL_", "SERVER_", "REQUEST_", "QUERY_STRING",
    "wsgi.url_scheme", "wsgi.input", "webob._",
)  # fmt: skip


def declared_params(request: Any, names: Iterable[str]) -> Parameters:
    """The values of declared parameters, in one order whatever the visitor's.

    Raises ``UnicodeDecodeError`` for a query string that is no text.
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
    """Make a neutral request of ``request``, with these parameters, until the block ends.

    ``names`` are all that are declared, ``base_url`` says what scheme and host it is seen to have.
    """
    environ: dict[str, Any] = request.environ
    attributes: dict[str, Any] = request.__dict__
    query = urlencode(parameters)
    theirs = _take(environ)
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
        environ.update(theirs)


def _take(environ: dict[str, Any]) -> dict[str, Any]:
    """Take away what tells one visitor's request from another's, but for its path."""
    names = [name for name in environ if name.startswith(_OF_THE_VISITOR)]
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
        f"a cached view looked at {what}: its page is for everybody. Declare a parameter with"
        " cache_params=(…), or take `cache` off the view"
    )


class _Declared(GetDict):
    """The query string of a neutral request: to ask for anything undeclared raises."""

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

    def get(self, name: str, default: Any = None) -> Any:
        """As of any mapping."""
        return super().get(self._check(name), default)

    def getall(self, name: str) -> list[str]:
        """As of any ``MultiDict``."""
        found: list[str] = super().getall(self._check(name))
        return found

    def getone(self, name: str) -> Any:
        """As of any ``MultiDict``."""
        return super().getone(self._check(name))


class _ForbiddenInput(Mapping[str, Any]):
    """Raises, whatever it is asked for."""

    def __init__(self, what: str) -> None:
        self.__what = what

    def __getitem__(self, name: object) -> NoReturn:
        _refuse(f"{self.__what}, for {name!r}")

    def __iter__(self) -> Iterator[str]:
        _refuse(self.__what)

    def __len__(self) -> int:
        _refuse(self.__what)

    def __contains__(self, name: object) -> bool:
        _refuse(f"{self.__what}, for {name!r}")

    def get(self, name: str, default: Any = None) -> NoReturn:
        """Raises."""
        _refuse(f"{self.__what}, for {name!r}")

    def __bool__(self) -> bool:
        _refuse(self.__what)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        _refuse(f"{self.__what}, for {name!r}")
