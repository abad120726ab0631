"""The type of requests, with the attributes that our includes add."""

from typing import Any, Final

from pyramid.request import Request as PyramidRequest
from sqlalchemy.orm import Session

from moziweb.services import Services

BODY_TOO_LARGE: Final = "moziweb.body_too_large"
"""Key of the environ of a request whose body was not kept: how many bytes it may have."""


class Request(PyramidRequest):
    """A request in a view. Only annotations: the includes named below add the attributes."""

    dbsession: Session
    """The session of this request, in its transaction (``moziweb.db``)."""

    services: Services
    """The services of the application (``moziweb.services``)."""

    locale_name: str
    """``hu`` or ``en``, by the path (``moziweb.i18n``)."""

    matchdict: dict[str, Any]
