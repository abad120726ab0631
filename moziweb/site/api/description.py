"""The description of the API in OpenAPI 3.1, from the endpoints and schemas that the code uses."""

from typing import Any, Final

from moziweb.db.types import MAX_ID

from .endpoints import ENDPOINTS, Endpoint
from .parameters import ApiParameter
from .problems import API_PREFIX, PROBLEM_JSON
from .schemas import SCHEMAS, reference

API_VERSION: Final = "1.0.0"

_ABOUT: Final = (
    "Premieres of movies in Hungary: in cinemas, at festivals and on streaming services. "
    "No key is needed, any web page may read it, and every answer has an `ETag`: send it in "
    "`If-None-Match` to get `304 Not Modified` if nothing has changed. Ids are stable. "
    "Fields may be added, and none is removed in version 1."
)

_HEADERS: Final = {
    "ETag": {
        "description": "Identifies the content; send it in `If-None-Match`.",
        "schema": {"type": "string"},
    },
}

_LOCATION: Final = {
    "Location": {
        "description": "The address to ask for from now on.",
        "schema": {"type": "string", "format": "uri"},
    },
}

_PATH_ID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_ID},
}


def openapi_document(base_url: str) -> dict[str, Any]:
    """The whole description; addresses begin with ``base_url``."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "moziweb",
            "version": API_VERSION,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": f"{base_url}{API_PREFIX}"}],
        "paths": {each.path: {"get": _operation(each)} for each in ENDPOINTS},
        "components": {"schemas": dict(SCHEMAS), "responses": {"Problem": _PROBLEM}},
    }


_PROBLEM: Final = {
    "description": "An error, as `application/problem+json`.",
    "content": {PROBLEM_JSON: {"schema": reference("Problem")}},
}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    problem = {"$ref": "#/components/responses/Problem"}
    errors = {"400": problem, "404": problem} if endpoint.has_path_id else {"400": problem}
    moved = {"description": f"A former address: {endpoint.moved}", "headers": _LOCATION}
    path_parameters = [_PATH_ID] if endpoint.has_path_id else []
    return {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "description": endpoint.description,
        "parameters": [*path_parameters, *map(_parameter, endpoint.parameters)],
        "responses": {
            "200": {
                "description": "OK",
                "headers": _HEADERS,
                "content": {"application/json": {"schema": reference(endpoint.schema)}},
            },
            **({"301": moved} if endpoint.moved else {}),
            "304": {"description": "Not modified: the client has this version already."},
            **errors,
            "default": problem,
        },
    }


def _parameter(parameter: ApiParameter) -> dict[str, Any]:
    return {
        "name": str(parameter.name),
        "in": "query",
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }
