"""Query parameters of URLs: refuses unknown ones, redirects to one order, keeps them in links.

A cached view sees only its declared parameters, in alphabetical order. What depends on others is
therefore done before the view, by the root factory of a route.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from pyramid.httpexceptions import HTTPBadRequest, HTTPMovedPermanently, HTTPNotFound

from moziweb.i18n import _
from moziweb.request import Request

from .context import PageContext


def only_parameters(*names: str) -> Callable[[Request], None]:
    """A root factory for URLs that have these query parameters alone, in alphabetical order.

    It raises ``HTTPNotFound`` for another parameter, with the text that says which, and a redirect
    for another order.
    """
    known = frozenset(names)

    def check(request: Request) -> None:
        try:
            given = list(request.GET.items())
        except UnicodeDecodeError:
            raise HTTPBadRequest from None
        unknown = next((name for name, _value in given if name not in known), None)
        if unknown is not None:
            shown = {"name": unknown[:40]}
            raise HTTPNotFound(_("There is no parameter “${name}” here.", mapping=shown))
        ordered = sorted(given, key=lambda item: item[0])
        if ordered != given:
            path = f"{quote(request.path_info)}?{urlencode(ordered)}"
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
