"""What a command needs of a site: its settings, database and services; and command errors."""

import configparser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import IO, Any

import click
from pyramid.config import Configurator
from pyramid.paster import get_appsettings, setup_logging
from pyramid.registry import Registry
from pyramid.router import Router
from sqlalchemy.exc import DBAPIError

import moziweb
from moziweb.cache import ConfigurationError
from moziweb.cache.http.page_cache import PageCache
from moziweb.db import Database, create_engine, query_limits_of
from moziweb.logs.reporters import start_reporters
from moziweb.movies.models import Movie
from moziweb.services import Services, services_of
from moziweb.settings import SettingsError, load
from moziweb.storage import StorageError, StorageMisconfigured

# Without the pages: a command starts in half a second.
POSTER_INCLUDES = (
    "moziweb.db",
    "moziweb.movies.tag_declarations",
    "moziweb.posters.cache_tags",
    "moziweb.caching",
    "moziweb.storage",
    "moziweb.manager.audit.poster_choices",
    "moziweb.posters",
    "moziweb.demo",
)

WORKER_INCLUDES = ("moziweb.ops.metrics", *POSTER_INCLUDES, "moziweb.ops")
"""A worker also has metrics and heartbeats."""


class CommandError(click.ClickException):
    """The command failed; the text is one line for the operator."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(f"moziweb: {self.message}", err=True, file=file)


class SetupError(CommandError):
    """The ini file is missing, unreadable or wrong."""

    exit_code = 2


class CommandContext:
    """The site of an ini file. Everything is read and opened at first use.

    ``process`` selects the time limits of queries: those of commands or of workers.
    """

    def __init__(self, ini: str, process: str = "command") -> None:
        self.ini = ini
        self.process = process

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The typed settings; also sets up logging and reporters. Raises ``SetupError``."""
        try:
            settings = load(get_appsettings(self.ini))
        except OSError as error:
            raise SetupError(f"{self.ini}: {error.strerror or 'no such file'}") from None
        except configparser.InterpolationError as error:
            # The error's own text has a part of the value, which may be a password.
            where = f"[{error.section}] {error.option}"
            raise SetupError(f"{self.ini}: {where}: write each % of a value as %%") from None
        except (SettingsError, configparser.Error) as error:
            raise SetupError(_one_line(error)) from None
        except (LookupError, UnicodeDecodeError, ImportError) as error:
            raise SetupError(f"{self.ini}: {_one_line(error)}") from None
        self._set_up_logging()
        try:
            start_reporters(settings)
        except SettingsError as error:
            raise SetupError(str(error)) from None
        return settings

    def _set_up_logging(self) -> None:
        try:
            setup_logging(self.ini)
        except Exception as error:  # levels and handlers are expressions, which may raise anything
            message = f"{self.ini}: its logging sections: {_one_line(error)}"
            raise SetupError(message) from None

    @cached_property
    def database(self) -> Database:
        """The database, for commands that need no other service."""
        return Database(create_engine(self._limited_settings))

    @cached_property
    def registry(self) -> Registry:
        """A registry with the database, the storage and the poster service, without pages."""
        try:
            with Configurator(settings=self._limited_settings) as config:
                for include in self._includes:
                    config.include(include)
        except (StorageMisconfigured, ConfigurationError) as error:
            raise SetupError(str(error)) from None
        return config.registry

    @property
    def _includes(self) -> tuple[str, ...]:
        return WORKER_INCLUDES if self.process == "worker" else POSTER_INCLUDES

    @property
    def _limited_settings(self) -> dict[str, Any]:
        return self.settings | query_limits_of(self.settings, self.process)

    @property
    def services(self) -> Services:
        """The services of ``registry``."""
        return services_of(self.registry)

    @cached_property
    def application(self) -> Router:
        """The whole WSGI application, as pserve creates it. Raises ``SetupError``."""
        settings = get_appsettings(self.ini) if self.settings else {}
        try:
            return moziweb.main({}, **settings)
        except SystemExit as error:
            raise SetupError(str(error).removeprefix("moziweb: ")) from None


def check_movie(database: Database, movie_id: int | None) -> None:
    """Raise a usage error if there is no movie with this id. None is not checked."""
    if movie_id is None:
        return
    with database.read() as session:
        if session.get(Movie, movie_id) is None:
            raise click.BadParameter(f"there is no movie {movie_id}", param_hint="'--movie'")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


@contextmanager
def service_errors() -> Iterator[None]:
    """Translate errors of the database and the storage into ``CommandError``."""
    try:
        yield
    except DBAPIError as error:
        line = str(error.orig).splitlines()[0]
        raise CommandError(
            f"the database: {line} (is it running? `moziweb db upgrade` creates its tables)"
        ) from None
    except StorageMisconfigured as error:
        raise SetupError(str(error)) from None
    except StorageError as error:
        raise CommandError(f"storage: {error}") from None


def page_cache_of(registry: Registry) -> PageCache:
    """Return the page cache. Raises ``SetupError`` if the site has none."""
    pages = services_of(registry).page_cache
    if pages is None:
        raise SetupError("cache.regions is empty: this site has no cache")
    return pages


@contextmanager
def running_relay(registry: Registry) -> Iterator[None]:
    """Run the outbox relay in a thread during the block.

    For commands that run for long, when there may be no web process to relay the rows of killed
    writers. Does nothing if each process has its own stamps: rows would be marked as published
    although no other process sees them.
    """
    pages = services_of(registry).page_cache
    if pages is None or not pages.cache.is_shared:
        yield
        return
    pages.relay.start()
    try:
        yield
    finally:
        pages.relay.stop()


@contextmanager
def site_registry(context: CommandContext) -> Iterator[Registry]:
    """The registry of the whole site, for commands that show the pages that a change affects."""
    with service_errors():
        registry = context.application.registry
        with running_relay(registry):
            yield registry
