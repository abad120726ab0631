"""The site with a clock that a test sets: ``POST /faults/clock/{seconds}`` shifts it.

Imported before the other modules of the site, some of which keep a reference to ``time.time``.
"""

import datetime as dt
import time
from typing import Any

_real_time = time.time
_shift = 0.0


def shifted_time() -> float:
    """The Unix time of the process under test."""
    return _real_time() + _shift


class ShiftedDatetime(dt.datetime):
    """``now`` is shifted as well."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        """The shifted time."""
        return dt.datetime.now(tz) + dt.timedelta(seconds=_shift)


time.time = shifted_time

from pyramid.config import Configurator  # noqa: E402

import moziweb.clock  # noqa: E402
from moziweb import INCLUDES  # noqa: E402
from moziweb.caching import served_first  # noqa: E402
from moziweb.request import Request  # noqa: E402
from moziweb.settings import load  # noqa: E402
from tests.soak.app import soak  # noqa: E402

moziweb.clock.datetime = ShiftedDatetime  # type: ignore[attr-defined]


def set_clock(request: Request) -> dict[str, float]:
    """Shift the clock."""
    global _shift
    _shift = float(request.matchdict["seconds"])
    return {"shift": _shift}


def main(global_config: dict[str, str], **settings: str) -> Any:
    """The application of the web processes under test."""
    with Configurator(settings=load(dict(settings))) as config:
        for include in INCLUDES:
            config.include(include)
        for name, path, view in (
            ("soak", "/soak/{movie}", soak),
            ("clock", "/faults/clock/{seconds}", set_clock),
        ):
            config.add_route(name, path, request_method="POST")
            config.add_view(view, route_name=name, renderer="json", require_csrf=False)
        return served_first(config.make_wsgi_app())
