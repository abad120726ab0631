"""What the site is, and where what it shows is from."""

from typing import Any

from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.request import Request

from ..context import PageContext
from ..presenters.page_head import page_of


@view_config(route_name="about", renderer="about.jinja2", request_method="GET")
def about(request: Request) -> dict[str, Any]:
    """No query."""
    visit = PageContext.of(request)
    title = visit.wording.say(_("About this site"))
    description = visit.wording.say(_("What moziweb is and where its data is from."))
    return {"page": page_of(visit, title, description, "about")}
