"""The page about the site and its data sources."""

from dataclasses import replace
from typing import Any

from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.request import Request

from ..context import PageContext
from ..presenters.jsonld import top_page_json_ld
from ..presenters.page_head import page_head


@view_config(route_name="about", renderer="about.jinja2", request_method="GET")
def about(request: Request) -> dict[str, Any]:
    """A static page. No query."""
    context = PageContext.of(request)
    title = context.formatter.translate(_("About this site"))
    description = context.formatter.translate(_("What moziweb is and where its data is from."))
    page = page_head(context, title, description, "about")
    return {"page": replace(page, json_ld=(top_page_json_ld(context, "about", title),))}
