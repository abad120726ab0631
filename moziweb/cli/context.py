"""The site that a command works on: its ini file, its database, its services."""

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
from moziweb.db import Database, create_engine
from moziweb.movies.models import Movie
from moziweb.services import Services, services_of
from moziweb.settings import SettingsError, load
from moziweb.storage import StorageError, StorageMisconfigured

# What posters need. Pages are no part of it: a command starts in half a second.
POSTER_INCLUDES = (
    "moziweb.db",
    "moziweb.movies.tags",
    "moziweb.posters.cache_tags",
    "moziweb.caching",
    "moziweb.storage",
    "moziweb.posters",
    "moziweb.demo",
)


class CommandError(click.ClickException):
    """The command cannot do its work; its text is one line for the operator."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Say the line."""
        click.echo(f"moziweb: {self.message}", err=True, file=file)


class SetupError(CommandError):
    """The ini file is missing, unreadable or wrong."""

    exit_code = 2


class CommandContext:
    """What an ini file describes. Nothing is read or opened before it is asked for."""

    def __init__(self, ini: str) -> None:
        self.ini = ini

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The typed settings; logging is set up as the file says. Raises ``SetupError``."""
        try:
            settings = load(get_appsettings(self.ini))
        except OSError as error:
            raise SetupError(f"{self.ini}: {error.strerror or 'no such file'}") from None
        except (SettingsError, configparser.Error) as error:
            raise SetupError(_one_line(error)) from None
        except (LookupError, UnicodeDecodeError, ImportError) as error:
            raise SetupError(f"{self.ini}: {_one_line(error)}") from None
        self._set_up_logging()
        return settings

    def _set_up_logging(self) -> None:
        try:
            setup_logging(self.ini)
        except Exception as error:  # levels, handlers and their arguments are expressions
            said = f"{self.ini}: its logging sections: {_one_line(error)}"
            raise SetupError(said) from None

    @cached_property
    def database(self) -> Database:
        """The database; it is connected to at first use."""
        return Database(create_engine(self.settings))

    @cached_property
    def registry(self) -> Registry:
        """A registry with the database, the storage and the poster service, and no pages."""
        try:
            with Configurator(settings=self.settings) as config:
                for include in POSTER_INCLUDES:
                    config.include(include)
        except (StorageMisconfigured, ConfigurationError) as error:
            raise SetupError(str(error)) from None
        return config.registry

    @property
    def services(self) -> Services:
        """The services of ``registry``."""
        return services_of(self.registry)

    @cached_property
    def application(self) -> Router:
        """The whole site, as pserve would serve it; raises ``SetupError``."""
        settings = get_appsettings(self.ini) if self.settings else {}
        try:
            return moziweb.main({}, **settings)
        except SystemExit as error:
            raise SetupError(str(error).removeprefix("moziweb: ")) from None


def check_movie(database: Database, movie_id: int | None) -> None:
    """A usage error for the id of no movie; without an id there is nothing to check."""
    if movie_id is None:
        return
    with database.read() as session:
        if session.get(Movie, movie_id) is None:
            raise click.BadParameter(f"there is no movie {movie_id}", param_hint="'--movie'")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


@contextmanager
def service_errors() -> Iterator[None]:
    """Tell of a database or a storage that fails in one line, not in a traceback."""
    try:
        yield
    except DBAPIError as error:
        line = str(error.orig).splitlines()[0]
        raise CommandError(
            f"the database: {line} (is it up? `moziweb db upgrade` makes its tables)"
        ) from None
    except StorageMisconfigured as error:
        raise SetupError(str(error)) from None
    except StorageError as error:
        raise CommandError(f"storage: {error}") from None


@contextmanager
def running_relay(registry: Registry) -> Iterator[None]:
    """Publish what writers that died have left in the outbox, for the length of a block.

    For commands that run for long: there may be no web process that would. Nothing is done where
    the stamps are each process's own: rows would be marked, and no other process would know.
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
