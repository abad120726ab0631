"""Query parameters of URLs: refuses unknown ones, redirects to one order, keeps them in links.

A cached view sees only its declared parameters, in alphabetical order. What depends on others is
therefore done before the view, by the root factory of a route.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from pyramid.httpexceptions import HTTPBadRequest, HTTPFound, HTTPMovedPermanently, HTTPNotFound

from moziweb.cache.http.representations import READ_METHODS
from moziweb.i18n import _
from moziweb.request import Request

from .context import PageContext

_TRACKING: Final = re.compile(
    "utm_.*|gad_.*|mtm_.*|pk_.*|hsa_.*|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|srsltid|ved|_ga|_gl"
    "|msclkid|yclid|ttclid|twclid|li_fat_id|igsh|igshid|si|mc_cid|mc_eid|mkt_tok|_hsenc|_hsmi"
    "|at_medium|at_campaign|wt_mc|ref"
)
"""What other sites add to the links that they show."""

FROM: Final = "from"
"""The parameter of a block of a list that is not the first one: the position where it begins."""

Position = TypeVar("Position")


def only_parameters(*names: str) -> Callable[[Request], None]:
    """A root factory for URLs that have these query parameters alone, in alphabetical order.

    It raises ``HTTPNotFound`` for another parameter, with the text that says which. Another order
    redirects, to the first value of each that is not empty. Tracking parameters are ignored.
    """
    known = frozenset(names)

    def check(request: Request) -> None:
        if request.method not in READ_METHODS:
            return
        try:
            given = [item for item in request.GET.items() if not _TRACKING.fullmatch(item[0])]
        except UnicodeDecodeError:
            raise HTTPBadRequest from None
        unknown = next((name for name, _value in given if name not in known), None)
        if unknown is not None:
            shown = {"name": unknown[:40]}
            raise HTTPNotFound(_("There is no parameter “${name}” here.", mapping=shown))
        if given != sorted(given, key=lambda item: item[0]):
            first = dict(reversed([(name, value) for name, value in given if value]))
            query = f"?{urlencode(sorted(first.items()))}" if first else ""
            path = quote(request.path_info) + query
            raise HTTPMovedPermanently(request.registry.settings["site.base_url"] + path)

    return check


def redirect_unless_canonical(
    request: Request, names: Iterable[str], parameters: Mapping[str, str], url: str
) -> None:
    """Redirect to ``url`` with ``parameters`` if those of ``names`` are given in another form."""
    given = {name: request.GET.getall(name) for name in names}
    if any(texts != [parameters.get(name)] for name, texts in given.items() if texts):
        query = f"?{urlencode(parameters)}" if parameters else ""
        raise HTTPMovedPermanently(url + query)


def refuse_value(name: str, text: str) -> HTTPNotFound:
    """The error for a value that a parameter cannot have; its page says which."""
    shown = {"name": name, "value": text[:40]}
    return HTTPNotFound(_("The parameter “${name}” cannot be “${value}”.", mapping=shown))


def given_position(request: Request, parse: Callable[[str], Position | None]) -> Position | None:
    """The position of ``?from=``, or None. Raises ``HTTPNotFound`` for a text that is none."""
    texts = request.GET.getall(FROM)
    if not texts:
        return None
    # A second value would be part of the cache key and change nothing.
    position = parse(texts[0]) if len(texts) == 1 else None
    if position is None:
        raise refuse_value(FROM, texts[-1])
    return position


def block_path(
    path: str, position: object | None, parameters: Mapping[str, str] | None = None
) -> str:
    """The path of a list's block that begins at ``position``; of the first block for None.

    ``parameters`` are the other ones of the list.
    """
    query = _with_position(position, parameters)
    return f"{path}?{urlencode(query)}" if query else path


def redirect_unless_at(
    given: Position | None,
    first: Position | None,
    url: str,
    parameters: Mapping[str, str] | None = None,
) -> None:
    """Redirect from a position where no row is to ``first``, the position of the first row after.

    Without one, to the first block. So a list has no more pages than rows. ``url`` is that of the
    list, without parameters.
    """
    if given is not None and given != first:
        raise HTTPFound(block_path(url, first, parameters))


def at_position(
    context: PageContext,
    position: object | None,
    route: str,
    parameters: Mapping[str, str] | None = None,
) -> PageContext:
    """The same context, whose paths of ``route`` lead to the block at ``position``."""
    return keep_parameters(context, _with_position(position, parameters), (route,))


def _with_position(position: object | None, parameters: Mapping[str, str] | None) -> dict[str, str]:
    """The parameters of a block in their canonical order."""
    at = {FROM: str(position)} if position else {}
    return dict(sorted({**(parameters or {}), **at}.items()))


def keep_parameters(
    context: PageContext, parameters: Mapping[str, str], routes: Iterable[str]
) -> PageContext:
    """The same context, whose paths of ``routes`` have these parameters."""
    kept = partial(_path_with, context.urls.path, parameters, frozenset(routes))
    return replace(context, urls=replace(context.urls, path=kept))


def _path_with(
    path: Any, parameters: Mapping[str, str], routes: frozenset[str], name: str, **values: Any
) -> str:
    if parameters and name in routes:
        values.setdefault("_query", parameters)
    text: str = path(name, **values)
    return text
