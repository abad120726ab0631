"""What a visitor gets at a variant's address: always a picture, and never a wait of any length."""

from datetime import datetime
from typing import Final

from pyramid.httpexceptions import HTTPFound, HTTPMovedPermanently
from pyramid.response import Response
from pyramid.view import exception_view_config, view_config

from moziweb.clock import utc_now
from moziweb.request import Request
from moziweb.security import VIEW

from ..generation.result import Status
from ..imaging.placeholder import placeholder
from ..models import SourceState
from ..recipes import Recipe
from ..urls import VariantUrl
from .resources import FoundVariant, PostersUnavailable, VariantResource, find_variant

REDIRECT_SECONDS: Final = 3600
"""How long a redirect may be kept: superseded objects stay far longer than that."""

SOON: Final = 2
"""Seconds after which a poster that is being made is worth asking for again."""

LATEST: Final = 3600
"""The longest that anybody is told to wait, in seconds."""


@view_config(context=VariantResource, request_method="GET", permission=VIEW)
def variant_view(variant: VariantResource, request: Request) -> Response:
    """A redirect to where the variant is stored; it is made now if need be and if possible.

    Otherwise a placeholder of the right shape, not to be kept. HEAD never makes anything.
    """
    if variant.asked != variant.address:
        return _moved(_absolute(request, variant.address.path))
    found: FoundVariant | None = variant.found
    if variant.found.key is None and request.method == "GET":
        outcome = request.services.poster_admission.ensure_or_wait(variant.address.source_id)
        if outcome.status is not Status.BUSY:  # then there is no news, and a crowd gets that
            found = find_variant(request.services.database, variant.address)
    if found is None or found.key is None:
        return _placeholder(variant.address, found)
    return _found(_absolute(request, request.services.storage.url(found.key, found.bucket)))


@exception_view_config(PostersUnavailable)
def unavailable_view(error: PostersUnavailable, request: Request) -> Response:
    """The database is away, or a burst is on: a placeholder in the recipe's own shape."""
    return _placeholder(error.address, None)


def _absolute(request: Request, address: str) -> str:
    """An address of ours with the site's name in front: caches keep it, whatever Host asked."""
    base_url: str = request.registry.settings["site.base_url"]
    return base_url + address if address.startswith("/") else address


def _moved(url: str) -> Response:
    response = HTTPMovedPermanently(url)
    response.cache_control = f"public, max-age={REDIRECT_SECONDS}"
    return response


def _found(url: str) -> Response:
    response = HTTPFound(url)
    response.cache_control = f"public, max-age={REDIRECT_SECONDS}"
    return response


def _placeholder(address: VariantUrl, found: FoundVariant | None) -> Response:
    recipe = address.recipe
    width, height = _size(recipe, found)
    response = Response(placeholder(width, height, recipe.format), content_type=recipe.mime)
    response.cache_control = "no-store"
    wait = _retry_after(found, utc_now())
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def _size(recipe: Recipe, found: FoundVariant | None) -> tuple[int, int]:
    if found and found.width and found.height:
        return recipe.fitted_size(found.width, found.height)
    return recipe.box


def _retry_after(found: FoundVariant | None, now: datetime) -> int | None:
    """Seconds until asking again makes sense; None for a source that has failed for good."""
    if found is None or found.state is not SourceState.RETRY_WAIT:
        return None if found and found.state is SourceState.FAILED else SOON
    if found.next_attempt_at is None:
        return SOON
    return min(max(SOON, int((found.next_attempt_at - now).total_seconds()) + 1), LATEST)
