"""The public site: pages in Hungarian and English, feeds, site maps and the JSON API."""

from dataclasses import replace
from typing import Final

from pyramid.config import Configurator

from moziweb.i18n import DOMAIN
from moziweb.services import services_of, set_services

from .feeds.calendar_options import CALENDAR_PARAMETERS, REMIND
from .page_cache.recent_texts import RecentTexts
from .presenters.filter_values import PARAMETERS, YEAR_PARAMETERS
from .query_parameters import only_parameters

# Route names and patterns. Pages have one URL per language; the other routes have one URL.
PAGES: Final = (
    ("index", "/"),
    ("today", "/today"),
    ("this_week", "/week"),
    ("this_month", "/month"),
    ("this_year", "/year"),
    ("week", "/week/{week}"),
    ("month", "/month/{month}"),
    ("movie_calendar", "/movie/{movie}.ics"),
    ("movie_news", "/movie/{movie}.atom"),
    ("movie", "/movie/{movie}"),
    ("share_movie", "/share/movie/{movie}.{digest:[0-9a-f]+}.jpg"),
    ("share_week", "/share/week/{week}.{digest:[0-9a-f]+}.jpg"),
    ("year", "/year/{year}"),
    ("years", "/years"),
    ("genre", "/genre/{genre}"),
    ("genres", "/genres"),
    ("person_calendar", "/person/{person}.ics"),
    ("person", "/person/{person}"),
    ("distributor", "/distributor/{distributor}"),
    ("service", "/service/{service}"),
    ("services", "/services"),
    ("undated", "/undated"),
    ("jump", "/jump"),
    ("about", "/about"),
    ("developers", "/developers"),
    ("search", "/search"),
    ("suggest", "/suggest"),
    ("watchlist", "/watchlist"),
    ("calendar_page", "/calendar"),
    ("changes", "/changes"),
    ("calendar", "/premieres{part:(-cinema|-streaming)?}.ics"),
    ("my_calendar", "/my.ics"),
    ("news", "/premieres.atom"),
    ("manifest", "/site.webmanifest"),
)
OTHERS: Final = (
    ("api_main", "/api/main/"),
    ("api_movie", "/api/movie/{movie}"),
    ("sitemap", "/sitemap.xml"),
    ("sitemap_pages", "/sitemap-pages.xml"),
    ("sitemap_year", "/sitemap-year-{year}.xml"),
    ("sitemap_movies", "/sitemap-movies-{block}.xml"),
    ("sitemap_people", "/sitemap-people-{block}.xml"),
    ("sitemap_distributors", "/sitemap-distributors-{block}.xml"),
    ("robots", "/robots.txt"),
    ("favicon", "/favicon.ico"),
    ("service_worker", "/service-worker.js"),
)

KNOWN_PARAMETERS: Final = {
    "index": PARAMETERS,
    "week": PARAMETERS,
    "month": PARAMETERS,
    "year": YEAR_PARAMETERS,
    "calendar_page": CALENDAR_PARAMETERS,
    "calendar": CALENDAR_PARAMETERS,
    "news": PARAMETERS,
    "my_calendar": ("m", REMIND),
    "movie_calendar": (REMIND,),
    "movie_news": (),
    "person_calendar": (REMIND,),
}
"""The query parameters of filtered pages, calendars and feeds, which refuse others."""


def includeme(config: Configurator) -> None:
    """Add routes, templates, static files and views."""
    for name, pattern in PAGES:
        known = KNOWN_PARAMETERS.get(name)
        options = {} if known is None else {"factory": only_parameters(*known)}
        config.add_page_route(name, pattern, **options)
    for name, pattern in OTHERS:
        config.add_route(name, pattern)
    services = services_of(config.registry)
    set_services(config.registry, replace(services, recent_searches=RecentTexts()))
    config.include(_templates)
    config.include(".static_files")
    config.include(".page_cache.debug_page")
    config.include(".api")
    config.scan(".views")


def _templates(config: Configurator) -> None:
    """Configure Jinja2: all output is escaped, and an undefined name raises an error."""
    config.add_settings(
        {
            "jinja2.directories": "moziweb:templates",
            "jinja2.extensions": "moziweb.site.template_source.WithoutIndentation",
            "jinja2.i18n.domain": DOMAIN,
            "jinja2.undefined": "strict",
            "jinja2.trim_blocks": True,
            "jinja2.lstrip_blocks": True,
        }
    )
    config.include("pyramid_jinja2")
