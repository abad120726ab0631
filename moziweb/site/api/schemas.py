"""JSON Schemas of the API's documents, for its description. ``documents.py`` builds them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from moziweb.i18n import LOCALES
from moziweb.movies.models import (
    Audio,
    CreditRole,
    DatePrecision,
    PremiereKind,
    Rating,
    ScreenFormat,
    VideoSite,
)

from .endpoints import LIST_ENDPOINTS
from .problems import ProblemKind

Schema = Mapping[str, Any]

_TEXT: Final = {"type": "string"}
_URL: Final = {"type": "string", "format": "uri"}
_TIME: Final = {"type": "string", "format": "date-time"}
_FLAG: Final = {"type": "boolean"}
_ID: Final = {"type": "integer", "minimum": 1}
_CODES: Final = {"type": "array", "items": _TEXT}
_DATE: Final = {
    "type": "string",
    "pattern": "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$",
    "description": "`2026-08-20`, `2026-08` or `2026`, by `precision`.",
}


def reference(name: str) -> Schema:
    """A reference to a schema of the description."""
    return {"$ref": f"#/components/schemas/{name}"}


def _optional(schema: Schema) -> Schema:
    if "$ref" in schema:
        return {"oneOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def _enum(kind: type[StrEnum]) -> Schema:
    return {"type": "string", "enum": [str(each) for each in kind]}


def _optional_enum(kind: type[StrEnum]) -> Schema:
    return {"type": ["string", "null"], "enum": [*(str(each) for each in kind), None]}


def _array(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _object(description: str = "", /, **properties: Schema) -> Schema:
    """An object with these properties, all of them required. More may be added."""
    found = {"type": "object", "properties": properties, "required": list(properties)}
    return {"description": description, **found} if description else found


def _merged(description: str, *parts: Schema) -> Schema:
    merged: dict[str, Schema] = {}
    for part in parts:
        merged.update(part["properties"])
    return _object(description, **merged)


_TIMES: Final = _object(created=_TIME, updated=_TIME)
_LANGUAGE_URLS: Final = _object(
    "The addresses of the page in each language.", **dict.fromkeys(LOCALES, _URL)
)
_POSTER_URLS: Final = {"full": _URL, "thumb": _URL, "small": _URL, "blur": _URL}
_GENRE: Final = _object(id=_ID, slug=_TEXT, name=_TEXT, name_en=_TEXT)
_SERVICE: Final = _object(id=_ID, slug=_TEXT, name=_TEXT)
_NAMED: Final = _object(id=_ID, name=_TEXT, urls=reference("LanguageUrls"))
_PERSON: Final = _object(
    "A person. Names are not unique, ids are.",
    id=_ID, name=_TEXT, imdb_id=_optional(_TEXT), urls=reference("LanguageUrls"), api_url=_URL,
)  # fmt: skip
_MOVIE_NAME: Final = _object(
    "The names of a movie: `title` is Hungarian.",
    id=_ID, title=_TEXT, original_title=_TEXT, urls=reference("LanguageUrls"), api_url=_URL,
)  # fmt: skip
_MOVIE: Final = _merged(
    "A movie. `runtime` is in minutes; null is not known.",
    _MOVIE_NAME,
    _object(
        imdb_id=_optional(_TEXT),
        tmdb_id=_optional(_ID),
        runtime=_optional({"type": "integer"}),
        rating=_optional_enum(Rating),
        genres=_array(reference("Genre")),
        poster=_optional(reference("Poster")),
    ),
)
_PREMIERE: Final = _object(
    "A premiere in Hungary. `created` is when it was announced.",
    id=_ID,
    kind=_enum(PremiereKind),
    service=_optional(reference("Service")),
    date=_DATE,
    precision=_enum(DatePrecision),
    formats=_array(_enum(ScreenFormat)),
    audio=_optional_enum(Audio),
    rerelease=_FLAG,
    cancelled=_FLAG,
    created=_TIME,
    updated=_TIME,
)
_MOVIE_DETAIL: Final = _merged(
    "All data of a movie. Countries and languages are ISO 3166-1 alpha-2 and ISO 639-1 codes.",
    _MOVIE,
    _TIMES,
    _object(
        synopsis=_TEXT,
        synopsis_en=_TEXT,
        distributor=_optional(reference("Distributor")),
        countries=_CODES,
        languages=_CODES,
        directors=_array(reference("Person")),
        cast=_array(reference("CastMember")),
        premieres=_array(reference("MoviePremiere")),
        trailers=_array(reference("Trailer")),
    ),
)

_ITEMS: Final[Mapping[str, Schema]] = {
    "Premiere": _merged("A premiere with its movie.", _PREMIERE, _object(movie=reference("Movie"))),
    "ListedMovie": _merged("A movie.", _MOVIE, _TIMES),
    "ListedPerson": _merged("A director or actor.", _PERSON, _TIMES),
    "ListedDistributor": _merged("A distributor.", _NAMED, _TIMES),
    "ListedGenre": _merged(
        "A genre: `name` is Hungarian.",
        _GENRE, _object(urls=reference("LanguageUrls")), _TIMES,
    ),
    "ListedService": _merged(
        "A streaming service.", _SERVICE, _object(urls=reference("LanguageUrls")), _TIMES
    ),
    "Change": _object(
        "A movie that has changed, or is no longer published.",
        movie_id=_ID, time=_TIME, removed=_FLAG, api_url=_optional(_URL),
    ),
}  # fmt: skip

_PROBLEM: Final = {
    **_object(
        "An error (RFC 9457). `parameter` is the parameter that is wrong.",
        type=_URL, title=_TEXT, status={"type": "integer"}, detail=_TEXT,
    ),
    "example": {
        "type": f"https://example.org/en/developers#{ProblemKind.INVALID_VALUE}",
        "title": "Invalid value of a parameter",
        "status": 400,
        "detail": "limit = '0' must be a number from 1 to 100.",
        "parameter": "limit",
    },
}  # fmt: skip

SCHEMAS: Final[Mapping[str, Schema]] = {
    **{
        endpoint.schema: _object(
            "A block of a list. `next` is the address of the next block, null at the end.",
            items=_array(reference(item)), next=_optional(_URL),
        )
        for endpoint, item in zip(LIST_ENDPOINTS, _ITEMS, strict=True)
    },
    "MovieDetail": _MOVIE_DETAIL,
    "PersonDetail": _merged(
        "A person with the roles in published movies.",
        _PERSON,
        _TIMES,
        _object(credits=_array(reference("Role"))),
    ),
    **_ITEMS,
    "Movie": _MOVIE,
    "MovieName": _MOVIE_NAME,
    "MoviePremiere": _merged(
        "A premiere of a movie, with its former dates.",
        _PREMIERE, _object(former_dates=_array(reference("FormerDate"))),
    ),
    "FormerDate": _object(
        "A date that a premiere had until it was changed.",
        date=_DATE, precision=_enum(DatePrecision), changed=_TIME, reason=_TEXT,
    ),
    "Role": _object(role=_enum(CreditRole), movie=reference("MovieName")),
    "CastMember": _merged("An actor of a movie.", _PERSON, _object(character=_TEXT)),
    "LanguageUrls": _LANGUAGE_URLS,
    "Genre": _GENRE,
    "Service": _SERVICE,
    "Distributor": _NAMED,
    "Person": _PERSON,
    "Poster": _object(
        "The addresses of a poster as JPEG, and as WebP. A size that was never asked for is made "
        "by the first request.",
        **_POSTER_URLS, webp=reference("WebpPoster"),
    ),
    "WebpPoster": _object("The same sizes as WebP.", **_POSTER_URLS),
    "Trailer": _object(
        site=_enum(VideoSite), video_id=_TEXT, name=_TEXT, language=_TEXT, url=_URL
    ),
    "Root": _object(
        openapi=_URL,
        documentation=reference("LanguageUrls"),
        **{each.name: _URL for each in LIST_ENDPOINTS},
    ),
    "OpenApi": _object(openapi=_TEXT, info={"type": "object"}, paths={"type": "object"}),
    "Problem": _PROBLEM,
}  # fmt: skip
