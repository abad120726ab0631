"""Names of the cache tags of movies.

Presenters record the tags of what they show (``moziweb.site``). The page of a period, of a facet (a
genre, person, distributor or service) and of the undated movies has the tag of that list, which
covers the members of the list and their order. Each card has the tags of its movie.
``tag_declarations.py`` has the writes that invalidate them.
"""

from collections.abc import Callable, Iterator
from typing import Final

from moziweb.cache import tag

from .calendar import Month, Period, Week, Year

PUBLISHED_LIST: Final = tag("list", "movies")
"""The set of published movies, for responses such as "not found"."""

PREMIERES_LIST: Final = tag("list", "premieres")
"""The set of all premieres, for lists of all of them."""

SLUGS_LIST: Final = tag("list", "slugs")
"""The slugs of published movies, for site maps."""

UNDATED_LIST: Final = tag("list", "undated")
"""The list of movies without a date."""

GENRES_LIST: Final = tag("list", "genres")
"""The set of genres and their slugs."""

SERVICES_LIST: Final = tag("list", "services")
"""The set of streaming services and their slugs."""

NEWS_LIST: Final = tag("list", "news")
"""The times of announcements, moves and cancellations, for feeds and the page of changes."""

REVISIONS_LIST: Final = tag("list", "revisions")
"""The revisions of premieres and their times, for calendars and feeds."""

CHANGES_LIST: Final = tag("list", "changes")
"""The times of changes and removals of published movies, for clients that keep copies."""

PEOPLE_LIST: Final = tag("list", "people")
"""The set of people with a published movie."""

DISTRIBUTORS_LIST: Final = tag("list", "distributors")
"""The set of distributors with a published movie."""

_IDS_PER_GROUP: Final = 64
_MAX_GROUPS: Final = 32


def movie_tag(movie_id: int) -> str:
    """The data on a movie's card and page."""
    return tag("movie", movie_id)


def movie_ids_tag(movie_id: int) -> str:
    """A movie's external ids, for its page and the JSON API."""
    return tag("movie", movie_id, "ids")


def movie_distributor_tag(movie_id: int) -> str:
    """Which distributor a movie has, for its page and the JSON API."""
    return tag("movie", movie_id, "distributor")


def movie_directors_tag(movie_id: int) -> str:
    """Who the directors of a movie are, for its card."""
    return tag("movie", movie_id, "directors")


def movie_synopsis_tag(movie_id: int) -> str:
    """A movie's synopses, for its page and the JSON API."""
    return tag("movie", movie_id, "synopsis")


def movie_page_tag(movie_id: int) -> str:
    """The data that only a movie's page shows."""
    return tag("movie", movie_id, "page")


def movie_names_tag(movie_id: int) -> str:
    """A movie's titles and slug, for lists that show nothing else."""
    return tag("movie", movie_id, "names")


def movie_updated_tag(movie_id: int) -> str:
    """The time of a movie's last change: of any column of it or of its parts."""
    return tag("movie", movie_id, "updated")


def movie_group_tag(movie_id: int) -> str:
    """Which movies of a group of ids are published."""
    return tag("ids", "movie", movie_id // _IDS_PER_GROUP)


def person_group_tag(person_id: int) -> str:
    """Which people of a group of ids have a published movie."""
    return tag("ids", "person", person_id // _IDS_PER_GROUP)


def group_tags(group_tag: Callable[[int], str], ids: range, whole: str) -> Iterator[str]:
    """The tags of the groups of ``ids``; ``whole``, the tag of the whole list, for many groups."""
    groups = range(ids.start // _IDS_PER_GROUP, (ids.stop - 1) // _IDS_PER_GROUP + 1)
    if len(groups) > _MAX_GROUPS:
        yield whole
    else:
        yield from (group_tag(group * _IDS_PER_GROUP) for group in groups)


def period_tag(period: Period) -> str:
    """The list of premieres of a week, month or year."""
    match period:
        case Week():
            return tag("week", period.name)
        case Month():
            return tag("month", period.name)
        case _:
            return tag("year", period.name)


def filtered_list_tag(dimension: str, value: str | int, period: Period) -> str:
    """The list of premieres of a period that have a value: who is in it by date, and their order.

    A change of the value itself has its own tag (``filters.filter_tags``).
    """
    return tag("filtered-list", dimension, value, period.name)


def filtered_pages_tag(name: str) -> str:
    """All filtered lists of a period whose tag is ``name``: a purge by hand includes it.

    No write publishes it.
    """
    return f"{name}:filtered"


def purged_with(name: str) -> Iterator[str]:
    """The tags that a purge of ``name`` by hand includes: a period's page and its filtered ones."""
    kind, _, period = name.partition(":")
    if kind in {"week", "month", "year"} and ":" not in period:
        yield filtered_pages_tag(name)


def year_number_tag(year: Year) -> str:
    """The numbers of a year's premieres, without their order."""
    return tag("year", year.name, "number")


def premiere_tag(premiere_id: int) -> str:
    """The data of a premiere."""
    return tag("premiere", premiere_id)


def premiere_service_tag(premiere_id: int) -> str:
    """Which service a premiere is on, for lists that show nothing else of it but date and kind."""
    return tag("premiere", premiere_id, "service")


def beside_tag(movie_id: int) -> str:
    """Which movies are before and after a movie in its week, for its page."""
    return tag("beside", movie_id)


def place_tag(movie_id: int, week: Week) -> str:
    """The place of a movie in a week, for the pages of its neighbours."""
    return tag("place", movie_id, week.name)


def genre_month_tag(genre_id: int, month: Month) -> str:
    """The dates of the movies of a genre in a month, for pages of other movies."""
    return tag("genre-month", genre_id, month.name)


def announced_tag(movie_id: int) -> str:
    """The times at which a movie's premieres were announced or revised, for its calendars."""
    return tag("movie", movie_id, "announced")


def premiere_times_tag(premiere_id: int) -> str:
    """When a premiere was announced, and its last change."""
    return tag("premiere", premiere_id, "times")


def moved_tag(premiere_id: int) -> str:
    """The former dates of a premiere, and until when they were announced."""
    return tag("moved", premiere_id)


def moved_page_tag(premiere_id: int) -> str:
    """The reasons for its moves, which only the movie's page shows."""
    return tag("moved", premiere_id, "page")


def dated_tag(movie_id: int) -> str:
    """The dates of a movie's premieres, for the lists of movies without a date."""
    return tag("dated", movie_id)


def genre_tag(genre_id: int) -> str:
    """The names of a genre."""
    return tag("genre", genre_id)


def genre_slug_tag(genre_id: int) -> str:
    """The slug of a genre."""
    return tag("genre", genre_id, "slug")


def genre_list_tag(genre_id: int) -> str:
    """The list of premieres of a genre."""
    return tag("list", "genre", genre_id)


def person_list_tag(person_id: int) -> str:
    """The premieres of a person's movies, and the person's roles in them."""
    return tag("list", "person", person_id)


def distributor_list_tag(distributor_id: int) -> str:
    """The premieres of a distributor's movies."""
    return tag("list", "distributor", distributor_id)


def service_list_tag(service_id: int) -> str:
    """The premieres on a streaming service."""
    return tag("list", "service", service_id)


def service_slug_tag(service_id: int) -> str:
    """The slug of a streaming service."""
    return tag("service", service_id, "slug")


def person_tag(person_id: int) -> str:
    """The name and the external id of a person."""
    return tag("person", person_id)


def person_name_tag(person_id: int) -> str:
    """The name of a person, for cards, which do not show the external id."""
    return tag("person", person_id, "name")


def person_times_tag(person_id: int) -> str:
    """When a person was added, and the last change."""
    return tag("person", person_id, "times")


def distributor_tag(distributor_id: int) -> str:
    """The name of a distributor."""
    return tag("distributor", distributor_id)


def distributor_website_tag(distributor_id: int) -> str:
    """The website of a distributor."""
    return tag("distributor", distributor_id, "website")


def distributor_times_tag(distributor_id: int) -> str:
    """When a distributor was added, and the last change."""
    return tag("distributor", distributor_id, "times")


def genre_times_tag(genre_id: int) -> str:
    """When a genre was added, and the last change."""
    return tag("genre", genre_id, "times")


def service_times_tag(service_id: int) -> str:
    """When a streaming service was added, and the last change."""
    return tag("service", service_id, "times")


def service_website_tag(service_id: int) -> str:
    """The website of a streaming service."""
    return tag("service", service_id, "website")


def service_tag(service_id: int) -> str:
    """The name of a streaming service."""
    return tag("service", service_id)
