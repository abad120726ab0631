"""View of a variant: redirects to its object, or returns a placeholder."""

from datetime import datetime
from typing import Final

from pyramid.httpexceptions import HTTPFound, HTTPMovedPermanently
from pyramid.response import Response
from pyramid.view import exception_view_config, view_config

from moziweb.clock import utc_now
from moziweb.request import Request
from moziweb.security import VIEW

from ..generation.result import GenerationStatus
from ..imaging.placeholder import placeholder
from ..models import PosterSource, SourceState
from ..recipes import Recipe
from ..urls import VariantUrl
from .resources import FoundVariant, VariantResource, VariantUnavailable, find_variant

REDIRECT_SECONDS: Final = 3600
"""How long a redirect may be cached: superseded objects stay much longer."""

MIN_RETRY_AFTER: Final = 2
"""Retry-After of a poster that is being made, in seconds."""

MAX_RETRY_AFTER: Final = 3600
"""The longest Retry-After, in seconds: the next attempt at a poster may be a day later."""


@view_config(context=VariantResource, request_method="GET", permission=VIEW)
def variant_view(variant: VariantResource, request: Request) -> Response:
    """Redirect to the variant's object; GET makes it first if it is missing and a slot is free.

    Otherwise return a placeholder of the variant's size, which may not be cached.
    """
    if variant.requested_url != variant.canonical_url:
        return _cacheable(HTTPMovedPermanently(_absolute(request, variant.canonical_url.path)))
    found: FoundVariant | None = variant.found
    if variant.found.key is None and request.method == "GET":
        result = request.services.poster_admission.ensure_or_wait(variant.canonical_url.source_id)
        if (
            result.status is not GenerationStatus.BUSY
        ):  # else nothing has changed; saves a query in a burst
            found = find_variant(request.services.database, variant.canonical_url)
    if found is None or found.key is None:
        return _placeholder(variant.canonical_url, found)
    url = request.services.storage.url(found.key, found.bucket)
    return _cacheable(HTTPFound(_absolute(request, url)))


@exception_view_config(VariantUnavailable)
def unavailable_view(error: VariantUnavailable, request: Request) -> Response:
    """Return a placeholder of the recipe's size: the database is down, or there is a burst."""
    return _placeholder(error.url, None)


def _absolute(request: Request, url: str) -> str:
    """Make a path absolute by ``site.base_url``: caches keep the redirect for any Host header."""
    base_url: str = request.registry.settings["site.base_url"]
    return base_url + url if url.startswith("/") else url


def _cacheable(redirect: Response) -> Response:
    redirect.cache_control = f"public, max-age={REDIRECT_SECONDS}"
    return redirect


def _placeholder(address: VariantUrl, found: FoundVariant | None) -> Response:
    recipe = address.recipe
    width, height = _size(recipe, found)
    image = placeholder(width, height, recipe.format, has_reel=recipe.blur is None)
    response = Response(image, content_type=recipe.mime)
    response.cache_control = "no-store"
    wait = seconds_until_retry(found, utc_now())
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def _size(recipe: Recipe, found: FoundVariant | None) -> tuple[int, int]:
    if found and found.width and found.height:
        return recipe.fitted_size(found.width, found.height)
    return recipe.box


def seconds_until_retry(found: FoundVariant | PosterSource | None, now: datetime) -> int | None:
    """Seconds until the next request for a poster makes sense; None if it failed permanently."""
    if found is None or found.state is not SourceState.RETRY_WAIT:
        return None if found and found.state is SourceState.FAILED else MIN_RETRY_AFTER
    if found.next_attempt_at is None:
        return MIN_RETRY_AFTER
    seconds = int((found.next_attempt_at - now).total_seconds()) + 1
    return min(max(MIN_RETRY_AFTER, seconds), MAX_RETRY_AFTER)
