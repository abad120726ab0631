"""The endpoints of the API: what routes, views and the description have in common."""

from dataclasses import dataclass
from typing import Final

from .parameters import (
    CHANGE_PARAMETERS,
    LIST_PARAMETERS,
    PREMIERE_PARAMETERS,
    ApiParameter,
)
from .problems import API_PREFIX


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint. ``schema`` is the name of its response in the description.

    ``moved`` says when an address is a former one, which redirects; "" for never.
    """

    name: str
    path: str
    schema: str
    summary: str
    description: str
    parameters: tuple[ApiParameter, ...] = ()
    moved: str = ""

    @property
    def route(self) -> str:
        """The name of the route."""
        return f"api_v1_{self.name}"

    @property
    def pattern(self) -> str:
        """The pattern of the route."""
        return f"{API_PREFIX}{self.path}"

    @property
    def has_path_id(self) -> bool:
        """Whether the path contains an id."""
        return "{id}" in self.path

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The names of the query parameters."""
        return tuple(str(each.name) for each in self.parameters)


ROOT_ENDPOINT: Final = Endpoint(
    "root", "/", "Root", "Addresses of everything", "Where to begin: the address of each list."
)
OPENAPI_ENDPOINT: Final = Endpoint(
    "openapi", "/openapi.json", "OpenApi", "This description", "The description in OpenAPI 3.1."
)
PREMIERES_ENDPOINT: Final = Endpoint(
    "premieres",
    "/premieres",
    "PremiereList",
    "Premieres by date",
    "Premieres of published movies, by date and id; also cancelled ones. A premiere of which only "
    "the month or the year is known is listed at its first day. All filters can be combined.",
    PREMIERE_PARAMETERS,
    moved="a genre or service was renamed or merged.",
)
MOVIES_ENDPOINT: Final = Endpoint(
    "movies",
    "/movies",
    "MovieList",
    "Movies by id",
    "All published movies, by id, without people, texts and premieres.",
    LIST_PARAMETERS,
)
MOVIE_ENDPOINT: Final = Endpoint(
    "movie", "/movies/{id}", "MovieDetail", "A movie", "All data of a movie."
)
PEOPLE_ENDPOINT: Final = Endpoint(
    "people",
    "/people",
    "PersonList",
    "People by id",
    "Directors and actors of published movies, by id.",
    LIST_PARAMETERS,
)
PERSON_ENDPOINT: Final = Endpoint(
    "person",
    "/people/{id}",
    "PersonDetail",
    "A person",
    "A person and the roles in movies.",
    moved="the person was merged with another one.",
)
DISTRIBUTORS_ENDPOINT: Final = Endpoint(
    "distributors",
    "/distributors",
    "DistributorList",
    "Distributors by id",
    "Distributors of published movies, by id.",
    LIST_PARAMETERS,
)
GENRES_ENDPOINT: Final = Endpoint(
    "genres", "/genres", "GenreList", "All genres", "All genres, by slug, in one block."
)
SERVICES_ENDPOINT: Final = Endpoint(
    "services",
    "/services",
    "ServiceList",
    "All streaming services",
    "All streaming services, by slug, in one block.",
)
CHANGES_ENDPOINT: Final = Endpoint(
    "changes",
    "/changes",
    "ChangeList",
    "What has changed",
    "Movies that were changed, published or removed, by the time of their last change. Each movie "
    "is listed once. A change of a premiere, a genre, a role or a trailer counts, a new name of a "
    "person or another poster does not. A change is visible a moment after its time, so begin a "
    "minute before the last time that you have seen.",
    CHANGE_PARAMETERS,
)

ENDPOINTS: Final = (
    ROOT_ENDPOINT,
    OPENAPI_ENDPOINT,
    PREMIERES_ENDPOINT,
    MOVIES_ENDPOINT,
    MOVIE_ENDPOINT,
    PEOPLE_ENDPOINT,
    PERSON_ENDPOINT,
    DISTRIBUTORS_ENDPOINT,
    GENRES_ENDPOINT,
    SERVICES_ENDPOINT,
    CHANGES_ENDPOINT,
)
LIST_ENDPOINTS: Final = (
    PREMIERES_ENDPOINT,
    MOVIES_ENDPOINT,
    PEOPLE_ENDPOINT,
    DISTRIBUTORS_ENDPOINT,
    GENRES_ENDPOINT,
    SERVICES_ENDPOINT,
    CHANGES_ENDPOINT,
)
