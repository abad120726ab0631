"""The request, with what our includes add to it, for the type checker and for the reader."""

from typing import Any

from pyramid.request import Request as PyramidRequest
from sqlalchemy.orm import Session

from moziweb.services import Services


class Request(PyramidRequest):
    """A request as views see it. Nothing is implemented here: ``db`` and ``i18n`` add these."""

    dbsession: Session
    """The session of this request, inside its transaction (``moziweb.db``)."""

    services: Services
    """The services of the application (``moziweb.services``)."""

    locale_name: str
    """``hu`` or ``en``, from the path alone (``moziweb.i18n``)."""

    matchdict: dict[str, Any]
