"""Errors of the API: ``application/problem+json`` (RFC 9457), and the headers for other origins."""

import json
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from pyramid.httpexceptions import HTTPBadRequest
from pyramid.response import Response
from pyramid.view import exception_view_config

from moziweb.request import Request

API_PREFIX: Final = "/api/v1"

PROBLEM_JSON: Final = "application/problem+json"

CORS: Final[Mapping[str, str]] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Retry-After",
}
"""The headers of every response of the API. The API reads no cookies, so any page may read it."""

PREFLIGHT: Final[Mapping[str, str]] = {
    **CORS,
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "If-None-Match",
    "Access-Control-Max-Age": "86400",
}
"""The headers of the response to OPTIONS."""


class ProblemKind(StrEnum):
    """The problems with an address of their own, which is a part of the page of the API."""

    UNKNOWN_PARAMETER = "unknown-parameter"
    REPEATED_PARAMETER = "repeated-parameter"
    INVALID_VALUE = "invalid-value"


TITLES: Final = {
    ProblemKind.UNKNOWN_PARAMETER: "Unknown parameter",
    ProblemKind.REPEATED_PARAMETER: "Repeated parameter",
    ProblemKind.INVALID_VALUE: "Invalid value of a parameter",
}


class ParameterProblem(HTTPBadRequest):
    """400: ``parameter`` is not known, is given twice, or has an invalid value."""

    def __init__(self, kind: ProblemKind, parameter: str, explanation: str) -> None:
        super().__init__(explanation)
        self.kind = kind
        self.parameter = parameter


def is_api_request(request: Request) -> bool:
    """Whether the path is below ``/api/v1/``."""
    path: str = request.environ.get("PATH_INFO", "")
    return path == API_PREFIX or path.startswith(f"{API_PREFIX}/")


def problem_response(code: HTTPStatus, detail: str = "") -> Response:
    """The response for an error without a type of its own."""
    detail = detail or code.description
    return _response(code, {"type": "about:blank", "title": code.phrase, "detail": detail})


@exception_view_config(ParameterProblem)
def parameter_problem(problem: ParameterProblem, request: Request) -> Response:
    """400 with the name of the parameter."""
    page = request.registry.settings["site.base_url"] + "/en/developers"
    members = {
        "type": f"{page}#{problem.kind}",
        "title": TITLES[problem.kind],
        "detail": problem.detail,
        "parameter": problem.parameter,
    }
    return _response(HTTPStatus.BAD_REQUEST, members)


def _response(code: HTTPStatus, members: Mapping[str, Any]) -> Response:
    body = json.dumps({"status": int(code), **members}).encode()
    response = Response(body, content_type=PROBLEM_JSON, status=int(code))
    response.headers.update(CORS.items())
    return response
