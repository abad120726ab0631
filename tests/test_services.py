"""The services of an application, as the includes build them."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.request import Request, apply_request_extensions
from webtest import TestApp

from moziweb.services import (
    ServiceMissing,
    Services,
    services_of,
    services_of_app,
    set_services,
)

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_services_without_their_include_name_it() -> None:
    services = services_of(Registry())
    with pytest.raises(ServiceMissing, match=r"include moziweb\.db first"):
        _ = services.database.engine
    with pytest.raises(ServiceMissing, match=r"include moziweb\.posters first"):
        _ = services.posters.limits


def test_replaced_services_are_found_and_frozen() -> None:
    registry = Registry()
    set_services(registry, replace(services_of(registry), clock=lambda: NOON))
    assert services_of(registry).clock() == NOON
    with pytest.raises(FrozenInstanceError):
        cast(Any, services_of(registry)).clock = None


def test_requests_have_the_services_of_their_application() -> None:
    with Configurator() as config:
        config.include("moziweb.services")
        set_services(config.registry, Services(clock=lambda: NOON))
    request = Request.blank("/")
    request.registry = config.registry
    apply_request_extensions(request)
    assert cast(Any, request).services is services_of(config.registry)


def test_every_service_of_the_site_is_built(app: TestApp) -> None:
    services = services_of(app.app.registry)
    names = [
        name for name in Services.__dataclass_fields__ if name not in ("metrics", "page_cache")
    ]
    built = {name: type(getattr(services, name)).__name__ for name in names}
    assert [name for name, kind in built.items() if kind == "_Missing"] == []


def test_other_wsgi_applications_have_no_services() -> None:
    assert services_of_app(lambda environ, start_response: []) is None
