"""What ``cache purge`` says of what it did, or could not do."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import click

from moziweb.cache.admin.purge import (
    NoCachedPage,
    OutOfReach,
    PurgedPage,
    PurgedTags,
    PurgeRefused,
    PurgeWaits,
)

from .installation import CommandError, InstallationError


@contextmanager
def purging_in_one_line() -> Iterator[None]:
    """Tell why a purge could not be done in one line."""
    try:
        yield
    except NoCachedPage as error:
        raise CommandError(str(error)) from None
    except OutOfReach as error:
        raise InstallationError(
            f"cache.{error.region}.backend: its entries lie in the memory of each web process, "
            "where no command reaches them; purge by tag, or --all"
        ) from None
    except PurgeRefused as error:
        raise click.UsageError(str(error)) from None
    except PurgeWaits as error:
        raise CommandError(
            f"the stamps: {error}; it waits in the journal, and the relay of any running process "
            "will publish it"
        ) from None


def tags_line(purged: PurgedTags) -> str:
    """Which tags were published, and which of them were on no page."""
    left_over = ""
    if purged.unseen == purged.tags:
        left_over = " No page that is cached showed any of it."
    elif purged.unseen:
        left_over = f" No page that is cached showed {_or(purged.unseen)}."
    return f"Purged: every page that shows {_or(purged.tags)}.{left_over}"


def page_line(purged: PurgedPage) -> str:
    """Which page, of how many pieces, and what a CDN was told."""
    pieces = f" and {purged.pieces} pieces of it" if purged.pieces else ""
    cdn = {
        None: "",
        True: " A CDN is asked to drop it by its tags.",
        False: " Its tags are not known any more: purge by tag what a CDN may keep of it.",
    }[purged.at_cdn]
    return f"Purged: the page at {purged.path}{pieces}.{cdn}"


def everything_line() -> str:
    """What it means."""
    return "Purged: everything. Each page is rendered anew at its next request."


def _or(tags: Iterable[str]) -> str:
    return " or ".join(sorted(tags))
