"""The page that shows the description of the API. It needs no script and no other host."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyramid.view import view_config

from moziweb.i18n import _
from moziweb.movies.calendar import week_of
from moziweb.request import Request

from ..context import PageContext
from ..presenters.jsonld import top_page_json_ld
from ..presenters.page_head import page_head
from .endpoints import ENDPOINTS, OPENAPI_ENDPOINT, PREMIERES_ENDPOINT
from .parameters import ApiParameter
from .problems import TITLES
from .schemas import SCHEMAS, Schema


@dataclass(frozen=True, slots=True)
class FieldView:
    """A parameter, or a field of a document. ``type_name`` is a type of the page, or ""."""

    name: str
    type_text: str
    type_name: str = ""
    note: str = ""


@view_config(route_name="developers", renderer="developers.jinja2", request_method="GET")
def developers(request: Request) -> dict[str, Any]:
    """The page of the API. No query."""
    context = PageContext.of(request)
    translate, urls = context.formatter.translate, context.urls
    week = week_of(context.today)
    days = {"from": week.start.isoformat(), "to": week.next.end.isoformat()}
    title = translate(_("For developers"))
    description = translate(_("The premieres as JSON: the API of moziweb, with examples."))
    page = page_head(context, title, description, "developers")
    return {
        "page": replace(page, json_ld=(top_page_json_ld(context, "developers", title),)),
        "heading": title,
        "example_url": urls.base_url + urls.path(PREMIERES_ENDPOINT.route, _query=days),
        "openapi_url": urls.url(OPENAPI_ENDPOINT.route),
        "problems": [(str(kind), text) for kind, text in TITLES.items()],
        "endpoints": [
            (each, [_parameter_view(parameter) for parameter in each.parameters])
            for each in ENDPOINTS
        ],
        "types": [
            (name, schema.get("description", ""), list(_field_views(schema)))
            for name, schema in SCHEMAS.items()
        ],
    }


def _parameter_view(parameter: ApiParameter) -> FieldView:
    return FieldView(str(parameter.name), _type_text(parameter.schema), "", parameter.description)


def _field_views(schema: Schema) -> Iterable[FieldView]:
    properties: Mapping[str, Schema] = schema["properties"]
    for name, each in properties.items():
        inner = each["oneOf"][0] if "oneOf" in each else each
        is_array = inner.get("type") == "array"
        inner = inner["items"] if is_array else inner
        reference = inner.get("$ref", "").rpartition("/")[2]
        text = reference or _type_text(inner)
        if "oneOf" in each:
            text = f"{text} | null"
        yield FieldView(
            name, f"[{text}]" if is_array else text, reference, each.get("description", "")
        )


def _type_text(schema: Schema) -> str:
    """``date``, ``string | null``, or the values of an enumeration."""
    if "enum" in schema:
        return " | ".join("null" if each is None else each for each in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    text = schema.get("format", kinds[0])
    if "maximum" in schema:
        text = f"{schema['minimum']} … {schema['maximum']}"
    return " | ".join([text, *kinds[1:]])
