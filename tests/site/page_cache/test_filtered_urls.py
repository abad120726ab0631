"""The URLs of pages with one filter."""

from sqlalchemy.orm import Session
from webtest import TestApp

from moziweb.movies.calendar import month_of, week_of, year_of
from moziweb.movies.filters import FILTERED_AUDIOS
from moziweb.movies.models import PremiereKind, Rating, ScreenFormat
from moziweb.site.page_cache.filtered_urls import filtered_urls
from moziweb.site.page_cache.url_inventory import UrlInventory
from tests.factories import THURSDAY, add_genres, make_movie, make_premiere


def test_every_filter_of_each_page_has_its_canonical_url(app: TestApp, dbsession: Session) -> None:
    movie = make_movie(dbsession)
    add_genres(dbsession, movie, "Dráma/Drama", "Krimi/Crime")
    make_premiere(dbsession, movie, service="MUBI")
    dbsession.commit()
    urls = UrlInventory.of(app.app.registry).urls
    day = THURSDAY
    found = list(filtered_urls(dbsession, urls, [week_of(day), month_of(day), year_of(day)]))
    values = len(FILTERED_AUDIOS) + len(PremiereKind) + len(Rating) + len(ScreenFormat) + 3
    assert len(set(found)) == len(found) == values * 4 * 2
    assert {"/?genre=krimi", "/en/week/2026-W34?service=mubi", "/year/2026?rating=KN"} <= {*found}
    for path in found[:: len(found) // 20]:
        app.get(path, status=200)
